import Foundation
import Testing

@testable import aimstors

/// What a page tells an operator to type must be a call that the program takes.
@Suite struct RunbookTests {
  @Test func `every command in the pages is one`() throws {
    let root = LiveSystem.root
    var pages = [root.appendingPathComponent("README.md")]
    for folder in ["docs/runbooks", "docs/how-to"] {
      pages += try FileManager.default.contentsOfDirectory(
        at: root.appendingPathComponent(folder), includingPropertiesForKeys: nil)
    }
    var found = 0
    for page in pages where page.pathExtension == "md" {
      let text = String(decoding: try Data(contentsOf: page), as: UTF8.self)
      for match in text.matches(of: /`aimstors ([^`]+)`/) {
        let words = match.1.split(separator: " ").map(String.init)
        // A verb alone is mentioned, not called.
        guard words.count > 2 else { continue }
        found += 1
        do {
          _ = try Aimstors.parseAsRoot(words)
        } catch {
          let code = Aimstors.exitCode(for: error)
          #expect(code.isSuccess, "\(page.lastPathComponent): aimstors \(match.1): \(error)")
        }
      }
    }
    #expect(found > 5)
  }
}
