#include "lab/reports/style.h"

namespace ebb::html {

const char* const style_sheet = R"(
:root { color-scheme: light dark;
  --paper: #fff; --ink: #1c2127; --muted: #5d6672; --axis: #9aa3ad; --grid: #e8ebee; --line: #dfe3e7; --soft: #f5f7f9;
  --right: 0, 114, 178; --wrong: 213, 94, 0; --note: #fff8e4; --note-line: #e6cf82; --bad: #b3421a;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #b35a94; --c4: #b8860b; --c5: #3f9fd8; --c6: #7357b5;
    --c7: #555e68; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #15181c; --ink: #e4e8ec; --muted: #9ba5b0; --axis: #69737e; --grid: #262b31; --line: #30363d;
    --soft: #1d2126;
  --right: 64, 156, 220; --wrong: 232, 124, 48; --note: #2c2615; --note-line: #6b5a24; --bad: #f0894f;
  --c0: #4fa8e0; --c1: #f0883e; --c2: #3cbf95; --c3: #dd8fc0; --c4: #dcb03c; --c5: #8ccdf3; --c6: #a893ec;
    --c7: #b5bdc6; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; color: var(--ink);
  background: var(--paper); max-width: 1240px; margin: 0 auto; padding: 40px 32px 64px; }
h1 { font-size: 28px; line-height: 1.2; font-weight: 650; letter-spacing: -.01em; margin: 0 0 6px;
  overflow-wrap: anywhere; }
h2 { font-size: 20px; line-height: 1.3; font-weight: 650; margin: 0 0 14px; }
h3 { font-size: 16px; font-weight: 650; margin: 22px 0 8px; overflow-wrap: anywhere; }
section { margin-top: 44px; padding-top: 20px; border-top: 1px solid var(--line); }
p { margin: 0 0 12px; max-width: 46em; } .line, .small { color: var(--muted); } .small { font-size: 14px; }
.line { overflow-wrap: anywhere; margin: 0; }
ul.list { margin: 0; padding-left: 1.2em; overflow-wrap: anywhere; }
.note { background: var(--note); border: 1px solid var(--note-line); border-radius: 6px; padding: 10px 14px;
  font-size: 14px;
  overflow-wrap: anywhere; max-width: none; margin: 16px 0 0; }
dl.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(116px, 1fr)); gap: 18px 20px;
  margin: 28px 0 0; }
dl.cards div { border-left: 3px solid var(--line); padding-left: 12px; }
  dl.cards div.main { border-color: var(--c0); }
dl.cards dd { margin: 0; font-size: 22px; line-height: 1.25; font-weight: 600; font-variant-numeric: tabular-nums; }
dl.cards dt { color: var(--muted); font-size: 13px; } dl.cards div { display: flex; flex-direction: column-reverse;
  justify-content: flex-end; }

.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 28px 28px; }
.panel { display: grid; grid-template-columns: minmax(0, 1fr) 230px; gap: 8px 32px; align-items: start; }
.panel .figures { grid-template-columns: repeat(auto-fill, minmax(min(100%, 380px), 1fr)); }
.panel + .figures, .figures + p, .figures + p + .panel { margin-top: 28px; }
.panel > .legend { position: sticky; top: 16px; max-height: min(620px, calc(100vh - 32px)); overflow-y: auto; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; font-size: 15px; line-height: 1.3; margin-bottom: 6px; }
figcaption span { display: block; color: var(--muted); font-weight: 400; font-size: 13px; }
svg.plot { display: block; width: 100%; height: auto; overflow: visible; } svg.plot text { font-family: inherit; }
figure .x { color: var(--muted); font-size: 13px; text-align: center; margin: 0; line-height: 1.3; }
figure .cut { color: var(--muted); font-size: 13px; margin: 4px 0 0; }
.empty { border: 1px dashed var(--line); border-radius: 6px; color: var(--muted); font-size: 14px; padding: 60px 20px;
  text-align: center; margin: 0; max-width: none; }
ul.legend { list-style: none; margin: 0; padding: 0; font-size: 13px; line-height: 1.35; }
ul.legend li { display: grid; grid-template-columns: 22px minmax(0, 1fr); gap: 0 8px; padding: 3px 0;
  overflow-wrap: anywhere; }
ul.legend svg { margin-top: .2em; }
ul.legend small { display: block; color: var(--muted); font-size: 12px; }
figure > ul.legend { display: flex; flex-wrap: wrap; gap: 0 16px; margin-bottom: 4px; }

.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 14px 6px 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line);
  font-weight: 400; }
thead th { color: var(--muted); font-size: 13px; vertical-align: bottom; white-space: normal; }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); min-width: 150px;
  max-width: 300px; padding-right: 20px;
  overflow-wrap: anywhere; white-space: normal; }
td:last-child, th:last-child { padding-right: 4px; } td b { font-weight: 700; }
td small, th small { color: var(--muted); font-size: 12px; }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 8px; }
table.text td { text-align: left; white-space: normal; overflow-wrap: anywhere; vertical-align: top; }
table.text th { text-align: left; vertical-align: top; }
table.verdicts { width: 100%; } table.verdicts td { overflow-wrap: normal; }
table.verdicts td:nth-child(3), table.verdicts td:nth-child(4), table.verdicts td:nth-child(5) { white-space: nowrap; }
h3 + .figures { grid-template-columns: minmax(0, 480px); }
table.confusion { font-size: 13px; border-collapse: separate; border-spacing: 2px; }
table.confusion td, table.confusion th { border: 0; padding: 4px; }
table.confusion td { text-align: center; min-width: 40px; border-radius: 3px; }
table.confusion thead th { text-align: center; vertical-align: bottom; }
table.turned thead th + th span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
table.confusion tbody th { text-align: right; padding-right: 8px; }
table.confusion th { min-width: 0; white-space: nowrap; }
table.dense { border-spacing: 1px; font-size: 10px; }
table.dense thead th { font-size: 10px; padding: 0; } table.dense td { min-width: 9px; height: 9px; padding: 0;
  border-radius: 1px; }
table.dense th { padding: 0 4px 0 0; line-height: 1; }
i.place { display: inline-block; width: 20px; line-height: 20px; border-radius: 3px; margin-right: 8px;
  text-align: center; font-style: normal; font-weight: 700; font-size: 12px; }
table.audit td:nth-child(2), table.audit td:nth-child(3), table.audit th:nth-child(2), table.audit th:nth-child(3) {
  text-align: left; }
@media (min-width: 1000px) { table.audit tbody th { min-width: 210px; } }
.drawing { margin-top: 24px; } svg.network { display: block; } svg.network .paper { fill: none; }
svg.network text { fill: var(--ink); } svg.network text.soft { fill: var(--muted); }
svg.network .line { stroke: var(--muted); } svg.network .head { fill: var(--muted); }
svg.network .decayed { stroke: var(--ink); }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); gap: 18px 14px; }
.mistakes figure { font-size: 13px; line-height: 1.35; overflow-wrap: anywhere; }
.mistakes img { width: 96px; height: 96px; image-rendering: pixelated; border: 1px solid var(--line);
  border-radius: 4px;
  display: block; margin-bottom: 6px; }
.sheet { overflow-x: auto; }
.sheet img { min-width: 56px; max-width: 100%; height: auto; border: 1px solid var(--line); }
.mistakes .no { color: var(--bad); } .mistakes small { color: var(--muted); display: block; }
details { margin: 14px 0 0; } summary { cursor: pointer; font-weight: 600; font-size: 15px; padding: 6px 0; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 14px 16px;
  overflow-x: auto;
  font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; margin: 6px 0; }

@media print, (max-width: 900px) {
  .panel { grid-template-columns: minmax(0, 1fr); }
  .panel > .legend { position: static; max-height: 190px; order: -1; columns: 2 160px; border: 1px solid var(--line);
    border-radius: 6px; padding: 8px 12px; margin-bottom: 12px; }
  .panel > .legend li { break-inside: avoid; }
}
@media screen and (max-width: 600px) {
  body { padding: 24px 16px 48px; font-size: 15px; } h1 { font-size: 23px; } h2 { font-size: 18px; }
  section { margin-top: 32px; padding-top: 16px; } th:first-child { min-width: 112px; max-width: 150px;
    padding-right: 12px; }
  dl.cards { grid-template-columns: 1fr 1fr; gap: 14px 16px; } dl.cards dd { font-size: 19px; }
  table.verdicts, table.verdicts tbody { display: block; }
  table.verdicts thead, table.verdicts td:empty { display: none; }
  table.verdicts tr { display: flex; flex-direction: column; padding: 10px 0; border-bottom: 1px solid var(--line); }
  table.verdicts th, table.verdicts td { border: 0; padding: 1px 0; max-width: none; }
  table.verdicts th { order: -2; } table.verdicts td:nth-child(6) { order: -1; }
  table.verdicts td:nth-child(n)::before { color: var(--muted); }
  table.verdicts td:nth-child(2)::before { content: "predicted: "; }
  table.verdicts td:nth-child(3)::before { content: "measured: "; }
  table.verdicts td:nth-child(4)::before { content: "n = "; }
  table.verdicts td:nth-child(5)::before { content: "p = "; }
  table.verdicts td:nth-child(7)::before { content: "answers "; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --muted: #444; --axis: #777; --grid: #ddd; --line: #bbb;
    --soft: #fff;
    --note: #fff; --bad: #a30; --right: 0, 114, 178; --wrong: 213, 94, 0;
    --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #b35a94; --c4: #b8860b; --c5: #3f9fd8; --c6: #7357b5;
      --c7: #555e68; }
  body { max-width: none; padding: 0; font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  section { margin-top: 18pt; padding-top: 8pt; } h2, h3, summary { break-after: avoid; }
  figure, dl.cards, tr { break-inside: avoid; } .scroll, pre { overflow: visible; } pre { white-space: pre-wrap; }
  .panel > .legend { max-height: none; overflow: visible; } figure, .panel > .legend { break-inside: avoid; }
  .figures, .panel .figures { grid-template-columns: 1fr 1fr; gap: 12pt; }
  table { font-size: 8pt; } thead th, td small, th small { font-size: 7.2pt; }
  th, td { padding: 2pt 5pt 2pt 0; white-space: normal; } svg.network { max-width: 100%; height: auto; }
  th:first-child { position: static; min-width: 0; overflow-wrap: normal; }
}
)";

std::string_view colours() {
  const std::string_view all = style_sheet;
  return all.substr(0, all.find("* {"));
}

}  // namespace ebb::html
