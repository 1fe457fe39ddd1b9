import Testing

@testable import GraphSimulator

@Suite struct JSONTests {
  @Test func `a value survives writing and reading in both escapings`() throws {
    let value: JSON = [
      "a/b": "é 😀 \"\\\n\u{1}", "n": 12, "d": .double(1.5), "l": [true, .null, []],
      "o": ["id": "9007199254740993"],
    ]
    #expect(try JSON(parsing: value.bytes(.minimal)) == value)
    #expect(try JSON(parsing: value.bytes(.meta)) == value)
  }

  @Test func `Meta's escaping leaves neither slashes nor anything outside ASCII`() {
    let text = JSON.string("a/é😀").serialized(.meta)
    #expect(text == "\"a\\/\\u00e9\\ud83d\\ude00\"")
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\" 1}", "01", "1.", "tru", "\"\\x\"", "\"\\ud800\"", "[1] 2", "\"a\nb\"",
    "nan", "-", "{\"a\":1,}",
  ])
  func `what is no JSON is refused`(_ text: String) {
    #expect(throws: JSONSyntaxError.self) { try JSON(parsing: text) }
  }

  @Test func `nesting has a bound`() throws {
    let depth = JSON.maximumDepth
    let fits = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    _ = try JSON(parsing: fits)
    #expect(throws: JSONSyntaxError.self) { try JSON(parsing: "[" + fits + "]") }
  }

  @Test func `a number of 16 digits keeps every digit`() throws {
    #expect(try JSON(parsing: "1234567890123457").integer == 1_234_567_890_123_457)
  }
}
