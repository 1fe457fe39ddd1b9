import Foundation
import Testing

@testable import Platform

@Suite struct StructuredLogTests {
  @Test(arguments: ["plain", "a \"b\" \\ c", "1\n2\r3\t4", "\u{1}\u{1f}", "é 😀", ""])
  func `a text comes back from the JSON that it became`(_ text: String) throws {
    var line = Array("[".utf8)
    StructuredLog.append(text, to: &line)
    line += "]".utf8
    let read = try JSONSerialization.jsonObject(with: Data(line)) as? [String]
    #expect(read == [text])
  }
}
