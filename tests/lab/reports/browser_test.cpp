// The pages in a browser, on a phone and on a desk, light and dark: nothing is wider than the page, nothing is too
// small or too pale to be read, every picture is drawn, no error is reported. Needs Debian's chromium; says so without
// it.
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "lab/audit/audit.h"
#include "lab/reports/plot.h"
#include "lab/reports/report.h"
#include "lab/study/runner.h"
#include "models/registry.h"
#include "optim/sgd.h"
#include "tests/lab/made_up_run.h"
#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// Collects what goes wrong from the first line on.
constexpr const char* watch = R"(<script>
  const errors = [];
  addEventListener('error', e => errors.push(e.message || 'a ' + e.target.tagName + ' that cannot be loaded'), true);
  addEventListener('securitypolicyviolation', e => errors.push(e.violatedDirective));
  for (const kind of ['error', 'warn']) console[kind] = (...words) => errors.push(words.join(' '));
</script>)";

// Looks at every element once the page is there.
constexpr const char* measure = R"(<script>
  const width = document.documentElement.clientWidth;
  const place = e =>
    e.tagName + '.' + (e.className.baseVal ?? e.className) + ' ' + (e.textContent || '').trim().slice(0, 30);
  const inside = e => {
    for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== 'visible') return true;
    return false;
  };
  const light = colour => {
    const linear = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map(linear);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const contrast = colour => (Math.max(light(colour), paper) + 0.05) / (Math.min(light(colour), paper) + 0.05);
  addEventListener('load', () => {
    const seen = {width, paper, wide: [], empty: [], small: [], pale: [], broken: [], pictures: 0, images: 0, errors};
    const all = document.documentElement.scrollWidth;
    if (all > width) seen.wide.push('the page: ' + all);
    for (const e of document.body.querySelectorAll('*')) {
      const box = e.getBoundingClientRect(), style = getComputedStyle(e);
      if (box.width > 0 && (box.right > width + 1 || box.left < -1) && !inside(e)) seen.wide.push(place(e));
      const words = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && !/SCRIPT|STYLE/.test(e.tagName);
      if (words && box.width > 0) {
        const scale = e.ownerSVGElement ? e.getScreenCTM().a : 1;
        if (parseFloat(style.fontSize) * scale < 9.5) seen.small.push(place(e));
        const ink = e.ownerSVGElement ? style.fill : style.color;
        if (contrast(ink) < 4.5 && !e.closest('table.confusion td')) seen.pale.push(place(e));
      }
      for (const n of words && !e.ownerSVGElement ? e.childNodes : []) {
        for (const word of n.nodeType === 3 ? n.data.matchAll(/(?<![\w.])[\w.]{2,12}(?![\w.])/g) : []) {
          const range = document.createRange();
          range.setStart(n, word.index);
          range.setEnd(n, word.index + word[0].length);
          const lines = [...range.getClientRects()].map(r => r.top);
          if (Math.max(...lines) > Math.min(...lines) + 4) seen.broken.push(place(e));
        }
      }
      if (e.matches('svg.plot')) {
        ++seen.pictures;
        const lines = [...e.querySelectorAll('[id*=_plot_] path, [id*=_plot_] use, [id*=_plot_] polygon')];
        if (box.width < 200 || box.height < 100 || lines.length === 0) seen.empty.push(e.getAttribute('aria-label'));
        for (const line of e.querySelectorAll('[id*=_plot_] path[stroke]'))
          if (contrast(getComputedStyle(line).stroke) < 2.5 && !line.hasAttribute('stroke-opacity'))
            seen.pale.push('a curve of ' + e.getAttribute('aria-label'));
      }
      if (e.tagName === 'IMG') {
        ++seen.images;
        if (!e.complete || e.naturalWidth === 0 || box.width < 20) seen.empty.push(place(e));
      }
    }
    parent.postMessage(JSON.stringify(seen).replace(/[<>&]/g, '?'), '*');
  });
</script>)";

// How wide pages are shown: on a phone and on a desk.
using Widths = std::array<int, 2>;
constexpr Widths screen_widths{400, 1280};

// Both at once. The page must be in the directory of the frames.
std::string frames(const std::string& page, const Widths& widths) {
  const auto frame = [&](int width) {
    return text("<iframe src=\"", page, "\" style=\"width:", width, "px;height:900px;border:0\"></iframe>");
  };
  return text("<!DOCTYPE html><html><body><pre id=\"seen\"></pre><script>\n",
              "addEventListener('message', e => { document.getElementById('seen').textContent += e.data + '\\n'; });\n",
              "</script>\n", frame(widths[0]), '\n', frame(widths[1]), "</body></html>\n");
}

std::string with_scripts(std::string page) {
  page.insert(page.find("<head>") + 6, watch);
  page.insert(page.rfind("</body>"), measure);
  return page;
}

class Browser {
 public:
  static bool there() {
    const bool found = test::shell("command -v chromium").status == 0;
    if (!found) std::cout << "chromium is not installed (sh tests/packages.sh slow): pages were not opened\n";
    if (found && !can_plot()) std::cout << "gnuplot is not installed: pages were not opened\n";
    return found && can_plot();
  }

  // What the page looks like at both widths.
  std::vector<Json> open(const std::string& page, bool dark, const Widths& widths = screen_widths) {
    test::put_file(directory_ / "page.html", with_scripts(page));
    test::put_file(directory_ / "frames.html", frames("page.html", widths));
    const test::Finished done = test::shell(
        text("HOME=", directory_.path().string(), " timeout 120 chromium --headless --no-sandbox --disable-gpu",
             " --disable-dev-shm-usage --user-data-dir=", (directory_ / "profile").string(),
             " --blink-settings=preferredColorScheme=", dark ? 0 : 1, " --virtual-time-budget=5000 --dump-dom file://",
             (directory_ / "frames.html").string(), " 2>/dev/null"));
    const std::string begin = "<pre id=\"seen\">";
    const std::size_t at = done.output.find(begin);
    std::vector<Json> out;
    if (at == std::string::npos) return out;
    std::istringstream lines(done.output.substr(at + begin.size(), done.output.find("</pre>", at) - at - begin.size()));
    for (std::string line; std::getline(lines, line);)
      if (!line.empty()) out.push_back(Json::parse(line));
    return out;
  }

 private:
  test::TemporaryDirectory directory_;
};

struct Runs {
  // Runs of `lambdas` strengths of decay with `seeds` seeds each.
  std::vector<RunData> sweep(std::size_t lambdas, std::uint64_t seeds) const {
    std::vector<RunData> out;
    for (std::size_t k = 0; k < lambdas; ++k)
      for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        test::MadeUpRun run{.epochs = 12, .floor = 0.05 + 0.01 * static_cast<double>(k)};
        run.recipe.seed = seed;
        run.recipe.lambda = 1e-4 * std::pow(1.5, static_cast<double>(k));
        out.push_back(write(text("lambda-", static_cast<int>(k), "-seed", seed), run));
      }
    return out;
  }
  RunData write(const std::string& name, const test::MadeUpRun& run) const {
    test::write_made_up_run(directory / name, run);
    return read_run(directory / name);
  }
  test::TemporaryDirectory directory;
};

// A picture of one dot, as PNG in base64.
constexpr const char* dot =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

// A study with a figure, and with claims of each outcome whose names and numbers are long.
Study made_up_study() {
  const std::string long_claim =
      "the measure of an arm with a name of several words is what a formula with a name says";
  const Arm a{{"optimizer", "one with a long name"}}, b{{"optimizer", "another with a long name"}};
  const auto run = [](const Trial& trial, Record& record) {
    const double offset = trial.word("optimizer") == "another with a long name" ? 0.1234567 : 0;
    for (std::int64_t step = 0; step < 20; ++step) record.put("course", step, 1 + 0.05 * static_cast<double>(step));
    record.put("measure", offset + 1 + 0.01 * trial.rng().normal(1));
    record.put("tiny", 1.2345678e-17);
  };
  const auto draw = [=](const Results& results) {
    return Plot{.title = "A course",
                .unit = "of nothing",
                .x = "step",
                .curves = {{.title = "measured", .points = results.series("course", a, 1)},
                           {.title = "predicted", .points = {{0, 1}, {19, 2}}, .dashed = true}}};
  };
  return {.name = "made-up",
          .title = "A study that was made up",
          .statement = "Pages show all that becomes of claims.",
          .reference = "none",
          .limits = "It shows nothing.",
          .factors = {{"optimizer", {a.at("optimizer"), b.at("optimizer")}}},
          .pairs = 8,
          .tier = Tier::T1,
          .run = run,
          .claims = {identity({"1", long_claim, {"A1", "D4", "D12"}}, "tiny", 1e-15, 0.000306),
                     identity({"2", long_claim, {"A1"}}, "tiny", 1e-18, 1),
                     within({"3", long_claim}, "measure", 1.05, 0.001), greater({"4", long_claim}, "measure", b, a),
                     greater({"5", long_claim}, "measure", a, b), estimate({"6", long_claim}, "measure")},
          .figures = {{"course", "It grows as it is predicted to grow, by a twentieth in each step.", draw}}};
}

// Long names without a place to break, many classes, a training that came to nothing.
std::vector<RunData> odd_runs(const Runs& runs) {
  const std::string word(120, 'w');
  test::MadeUpRun many{.epochs = 3, .groups = {word, "b", "c"}, .event = word + word};
  many.classes.clear();
  for (int c = 0; c < 100; ++c) many.classes.push_back(text("a class with a long name, number ", c));
  many.recipe.name = many.recipe.data_dir = word;
  many.picture = dot;
  test::MadeUpRun lost{.epochs = 3, .first_loss = NAN, .finished = false};
  lost.recipe.optimizer = "adam";
  lost.recipe.momentum.reset();
  const test::MadeUpRun begun{.epochs = 0, .finished = false};
  return {runs.write("a-run-with-a-long-name-" + word, many), runs.write("lost", lost), runs.write("begun", begun)};
}

// audit.json of a residual network. \param name of its first parameter, and a warning.
std::string some_audit(const std::string& name = std::string(150, 'w')) {
  const std::unique_ptr<Layer> net = make_model("resnet-8", {.image = {32, 32, 3}, .classes = 4}, Rng(1));
  Tensor x({4, 32, 32, 3}, DType::f32);
  fill_normal(x, Rng(2), 0, 1);
  const Sgd optimizer(decay_weights_only(*net, decoupled_lr(0.1)), {.lr = 0.1});
  Audit found = audit(*net, x, Tensor::from<std::int64_t>({0, 1, 2, 3}, {4}), &optimizer, {.probe = false});
  found.rows[0].path = name;
  found.warnings.push_back(name);
  return found.json();
}

enum class On { screens, paper };

void require_well_set(const std::string& page, const std::string& what, std::size_t least_pictures,
                      On on = On::screens) {
  Browser browser;
  // A sheet of A4, upright and across, without its margins.
  const Widths widths = on == On::paper ? Widths{718, 1047} : screen_widths;
  for (const bool dark : {false, true}) {
    const std::vector<Json> seen = browser.open(page, dark, widths);
    BOOST_REQUIRE_MESSAGE(seen.size() == 2u, what << ": the browser looked at " << seen.size() << " pages of 2");
    for (Json one : seen) {
      // On paper the drawing of a network is scaled to the sheet.
      if (on == On::paper)
        std::erase_if(one["small"].get_ref<Json::array_t&>(),
                      [](const Json& small) { return small.get<std::string>().starts_with("text"); });
      const std::string where = text(what, ", ", one["width"].get<int>(), " wide, ", dark ? "dark" : "light");
      for (const char* const fault : {"wide", "empty", "small", "pale", "broken", "errors"})
        BOOST_TEST(one[fault].empty(), where << ": " << fault << ' ' << one[fault].dump().substr(0, 1000));
      BOOST_TEST(one["pictures"].get<std::size_t>() >= least_pictures, where << ": pictures " << one["pictures"]);
      BOOST_TEST((one["paper"].get<double>() < 0.5) == (dark && on == On::screens), where);
    }
    BOOST_TEST(seen[0]["width"] != seen[1]["width"]);
  }
}

BOOST_FIXTURE_TEST_SUITE(pages_in_a_browser_slow, Runs)

BOOST_AUTO_TEST_CASE(the_page_of_a_run) {
  if (!Browser::there()) return;
  test::MadeUpRun run;
  run.picture = dot;
  run.audit = some_audit();
  require_well_set(report_page(write("run", run)), "one run", 7);
}

// Layers in front of norms that come to rest, and others, in windows of half an epoch.
std::vector<DiagnosisRow> some_diagnosis(const std::string& behind_names) {
  std::vector<DiagnosisRow> rows;
  for (std::int64_t window = 1; window <= 20; ++window)
    for (const char* const name : {"conv1.weight", "stage1.block0.conv1.weight", "norm1.scale", "fc.weight"}) {
      const bool filters = test::has(name, "conv");
      const double progress = static_cast<double>(window) / 20;
      DiagnosisRow row;
      row.step = 100 * window;
      row.epoch = (window + 1) / 2;
      row.parameter = name + (filters ? behind_names : std::string());
      row.position = filters ? "feeds_norm" : test::has(name, "fc") ? "head" : "plain";
      row.role = test::has(name, "scale") ? "norm_scale" : "weight";
      row.group = "decayed";
      row.values = 432;
      row.channels = 16;
      row.measured = 10;
      row.lr = 0.1 * (1 - 0.9 * progress);
      row.lambda = row.role == "weight" ? 5e-4 : 0;
      row.norm = {.median = 1 + progress, .low = 0.8, .high = 2.5};
      row.gradient = row.relative_gradient = {.median = 0.03, .low = 0.01, .high = 0.2};
      row.gradient_at_unit = {.median = 0.04, .low = 0.02, .high = 0.3};
      row.angle = {.median = 1.26 - progress, .low = 0.2, .high = 2};
      row.effective_lr = {.median = 0.5 - 0.4 * progress, .low = 0.1, .high = 0.6};
      row.cosine_update = row.cosine_gradient = row.lag = {.median = 0.01, .low = -0.1, .high = 0.1};
      row.dead = test::has(name, "scale") ? 0.25 : DiagnosisRow::missing;
      if (filters) {
        row.predicted_norm = 2;
        row.predicted_angle = 1.1;
        row.doubled_norm = 1.7;
        row.doubled_angle = 1.6;
        row.norm_ratio = {.median = 0.5 + progress / 2, .low = 0.4, .high = 1.2};
        row.angle_ratio = {.median = 1.1, .low = 0.9, .high = 1.3};
        row.relaxation = 300;
        row.drift = 0.5 - progress / 2;
        row.at_rest = window > 16;
      }
      rows.push_back(row);
    }
  return rows;
}

// All that a page can have. \param word a part of names.
test::MadeUpRun whole_run(std::uint64_t seed, const std::string& word = std::string(150, 'w')) {
  test::MadeUpRun run;
  run.recipe.seed = seed;
  run.picture = dot;
  run.audit = some_audit(word);
  run.diagnosis = some_diagnosis(word.substr(0, 60));
  run.changes = {{.step = 400, .epochs = 2, .settings = {{"lr", "0.1", "0.05"}, {"data_dir", "", "/mnt/" + word}}},
                 {.step = 1200000, .epochs = 6, .settings = {{"threads", "1", "2"}}}};
  run.note = "12 pictures that cannot be read are left out: " + word + "/0001.png";
  return run;
}

BOOST_AUTO_TEST_CASE(diagnosed_runs_that_were_changed_on_the_way) {
  if (!Browser::there()) return;
  const std::vector<RunData> runs{write("one", whole_run(1)), write("two", whole_run(2))};
  const std::string page = report_page(runs[0]), both = comparison_page(runs, {"one argument that is no run"});
  for (const char* const part : {"What decay did", "Changed on the way", "are left out"})
    BOOST_TEST(test::has(page, part), part);
  for (const char* const part : {"What decay did", "Left out: "}) BOOST_TEST(test::has(both, part), part);
  require_well_set(page, "a diagnosed run", 10);
  require_well_set(both, "diagnosed runs", 10);
}

// What a page is on paper, shown on a screen.
std::string printed(std::string page) {
  const std::string print = "@media print";
  int times = 0;
  for (std::size_t at = 0; (at = page.find(print, at)) != std::string::npos; ++times)
    page.replace(at, print.size(), "@media screen");
  BOOST_TEST(times == 2);
  return page;
}

BOOST_AUTO_TEST_CASE(pages_are_printed_on_white_paper_with_nothing_cut_off) {
  if (!Browser::there()) return;
  require_well_set(printed(report_page(write("one", whole_run(1, "pictures")))), "a printed run", 10, On::paper);
  require_well_set(printed(comparison_page(sweep(5, 3))), "15 printed runs", 12, On::paper);
}

BOOST_AUTO_TEST_CASE(two_runs) {
  if (!Browser::there()) return;
  require_well_set(comparison_page(sweep(2, 1)), "2 runs", 10);
}

BOOST_AUTO_TEST_CASE(fifteen_runs) {
  if (!Browser::there()) return;
  require_well_set(comparison_page(sweep(5, 3)), "15 runs", 12);
}

BOOST_AUTO_TEST_CASE(sixty_runs) {
  if (!Browser::there()) return;
  require_well_set(comparison_page(sweep(12, 5)), "60 runs", 12);
  require_well_set(comparison_page(sweep(60, 1)), "60 conditions", 12);
}

BOOST_AUTO_TEST_CASE(the_page_of_a_study) {
  if (!Browser::there()) return;
  run_study(made_up_study(), {.out = directory.path()});
  const std::string page = test::read(directory / "made-up" / "report.html");
  for (const char* const is : {"confirmed", "refuted", "reported"})
    BOOST_TEST(test::has(page, text("<b>", is, "</b>")), is);
  require_well_set(page, "a study", 1);
}

BOOST_AUTO_TEST_CASE(long_names_many_classes_and_runs_that_came_to_nothing) {
  if (!Browser::there()) return;
  const std::vector<RunData> runs = odd_runs(*this);
  for (const RunData& run : runs) require_well_set(report_page(run), run.name.substr(0, 20), 0);
  require_well_set(comparison_page(runs, {std::string(300, 'w')}), "odd runs", 4);
}

BOOST_AUTO_TEST_CASE(the_browser_finds_what_is_wrong) {
  if (!Browser::there()) return;
  const std::string page = report_page(write("run", {.epochs = 3}));
  const auto with = [&](const std::string& more) {
    std::string out = page;
    out.insert(out.rfind("</main>"), more);
    const std::vector<Json> seen = Browser().open(out, false);
    BOOST_REQUIRE(seen.size() == 2u);
    return seen;
  };
  const auto finds = [&](const char* fault, const std::string& planted) {
    for (const Json& one : with(planted)) BOOST_TEST(!one[fault].empty(), fault);
  };
  finds("wide", "<div style=\"width:3000px\">wide</div>");
  finds("errors", "<script>nothing.here()</script>");
  finds("errors", "<img src=\"missing.png\">");
  finds("empty", "<img src=\"data:image/png;base64,AAAA\">");
  finds("empty", "<svg class=\"plot\" viewBox=\"0 0 400 230\" aria-label=\"bare\"></svg>");
  finds("small", "<p style=\"font-size:7px\">small</p>");
  finds("pale", "<p style=\"color:#ccc\">pale</p>");
  finds("broken", "<p style=\"width:20px;overflow-wrap:anywhere\">confirmed</p>");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
