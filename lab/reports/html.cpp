#include "lab/reports/html.h"

#include "framework/tensor/error.h"
#include "lab/reports/style.h"

namespace ebb::html {

std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows,
                  std::string_view kind) {
  std::string out = text("<div class=\"scroll\" tabindex=\"0\"><table class=\"", kind, "\">\n");
  if (!head.empty()) {
    out += "<thead><tr>";
    for (const std::string& cell : head) out += text("<th>", cell, "</th>");
    out += "</tr></thead>\n";
  }
  out += "<tbody>\n";
  for (const std::vector<std::string>& row : rows) {
    out += "<tr>";
    for (const std::string& cell : row) {
      const char* const tag = &cell == &row.front() ? "th" : "td";
      out += text('<', tag, '>', cell, "</", tag, '>');
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string page(std::string_view title, std::string_view line, std::string_view head,
                 const std::vector<Section>& sections) {
  std::string out = text(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
      escape(title), "</title>\n<style>", style_sheet, "</style>\n</head>\n<body>\n<header><h1>", escape(title),
      "</h1>\n<p class=\"line\">", line, "</p></header>\n<main>\n", head);
  for (const Section& section : sections)
    if (!section.content.empty())
      out += text("<section>\n<h2>", escape(section.title), "</h2>\n", section.content, "</section>\n");
  return out + "</main>\n</body>\n</html>\n";
}

std::string details(std::string_view title, std::string_view content, bool open) {
  return text("<details", open ? " open" : "", "><summary>", escape(title), "</summary>\n", content, "</details>\n");
}

}  // namespace ebb::html
