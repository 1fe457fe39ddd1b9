import Foundation
import Testing

/// The pages: one title each, and links that lead somewhere.
@Suite struct MarkdownTests {
  private func pages() throws -> [SourceFile] {
    let pages = try SourceTree.files("", "md")
    #expect(pages.contains { $0.path == "README.md" })
    return pages
  }

  @Test func `every page has one title, in its first line`() throws {
    for page in try pages() {
      var inCode = false
      var titles = 0
      for line in page.lines {
        if line.hasPrefix("```") { inCode.toggle() }
        if !inCode, line.hasPrefix("# ") { titles += 1 }
      }
      #expect(titles == 1, "\(page) has \(titles) titles")
      #expect(page.lines.first?.hasPrefix("# ") == true, "\(page) does not begin with its title")
    }
  }

  @Test func `links to files of the repository resolve`() throws {
    let link = /\]\(([^)\s#]+)(#[^)]*)?\)/
    for page in try pages() {
      let folder = SourceTree.root.appendingPathComponent(page.path).deletingLastPathComponent()
      for (index, line) in page.lines.enumerated() {
        for match in line.matches(of: link) where !match.1.contains("://") {
          let target = folder.appendingPathComponent(String(match.1)).standardized
          #expect(
            FileManager.default.fileExists(atPath: target.path),
            "\(page):\(index + 1) links to \(match.1)")
        }
      }
    }
  }

  @Test func `the README has at most 120 lines`() throws {
    let page = try pages().first { $0.path == "README.md" }
    #expect((page?.lines.count ?? 0) <= 121)
  }
}
