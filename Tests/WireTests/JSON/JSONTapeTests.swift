import Testing
import Wire

@Suite("JSON tape") struct JSONTapeTests {
  private func root(_ text: String) throws -> JSONNode { try JSONTape(Array(text.utf8)).root }

  @Test func `values of every kind are read`() throws {
    let node = try root(
      #" {"s":"a","i":-12,"n":1.5e2,"t":true,"f":false,"z":null,"a":[1,[2,3],{}],"o":{"k":"v"}} "#)
    #expect(node.kind == .object)
    #expect(node["s"]?.string == "a")
    #expect(node["i"]?.integer == -12)
    #expect(node["n"]?.double == 150)
    #expect(node["n"]?.integer == nil)
    #expect(node["t"]?.bool == true)
    #expect(node["f"]?.bool == false)
    #expect(node["z"]?.isNull == true)
    #expect(node["a"]?.elements.map { $0.kind } == [.integer, .array, .object])
    #expect(node["a"]?[1]?[1]?.integer == 3)
    #expect(node["o"]?["k"]?.string == "v")
    #expect(node["missing"] == nil)
    #expect(node["s"]?["k"] == nil)
    #expect(node.members.map { $0.key } == ["s", "i", "n", "t", "f", "z", "a", "o"])
  }

  @Test func `raw bytes are exactly the value's bytes`() throws {
    let text = #"{"value" : { "u":"\u00e9\/" , "n":[ 1 , 2 ] } , "x":1}"#
    let node = try root(text)
    #expect(
      node["value"].map { String(decoding: $0.raw, as: UTF8.self) }
        == #"{ "u":"\u00e9\/" , "n":[ 1 , 2 ] }"#)
    #expect(node["value"]?["u"]?.string == "é/")
  }

  @Test func `integers of 19 digits keep every digit, wider ones are refused`() throws {
    #expect(try root("9223372036854775807").integer == Int64.max)
    #expect(try root("-9223372036854775808").integer == Int64.min)
    #expect(try root("9223372036854775808").integer == nil)
    #expect(try root("1234567890123456").integer == 1_234_567_890_123_456)
    #expect(try root("\"1750030073\"").lenientInteger == 1_750_030_073)
    #expect(try root("1750030073").lenientInteger == 1_750_030_073)
    #expect(try root("\"17x\"").lenientInteger == nil)
    #expect(try root("106540352242922").lenientString == "106540352242922")
  }

  @Test func `escapes are undone, surrogate pairs joined, lone ones replaced`() throws {
    #expect(try root(#""\"\\\/\b\f\n\r\t\u0041""#).string == "\"\\/\u{8}\u{c}\n\r\tA")
    #expect(try root(#""\ud83d\ude00!""#).string == "😀!")
    #expect(try root(#""\ud83dx\ude00\ud83d""#).string == "\u{FFFD}x\u{FFFD}\u{FFFD}")
    #expect(try root(#"{"\u0061":1}"#)["a"]?.integer == 1)
    #expect(try root("\"héllo 😀\"").string == "héllo 😀")
  }

  @Test func `of repeated keys the first is found`() throws {
    #expect(try root(#"{"a":1,"a":2}"#)["a"]?.integer == 1)
    #expect(try root(#"{"a":{"b":1},"a":2}"#)["a"]?["b"]?.integer == 1)
  }

  @Test(arguments: [
    "", " ", "{", "[", "]", "{]", "[}", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
    "[1 2]", "01", "-", "1.", "1e", "+1", ".5", "tru", "nul", "truex", "\"", "\"\\x\"", "\"\\u12\"",
    "\"\n\"", "1 2", "{\"a\":1}}", "[,1]", "{,}", "NaN", "\"\\", "{\"a\" 1}", "--1", "1e+",
  ])
  func `malformed documents are refused`(text: String) {
    #expect(throws: JSONTape.Malformed.self) { try JSONTape(Array(text.utf8)) }
  }

  @Test(
    arguments: [
      [0x22, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
      [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22], [0x22, 0xFF, 0x22],
      [0x22, 0xC3],
      [0x22, 0xF0, 0x9F],
    ] as [[UInt8]])
  func `broken UTF-8 is refused`(bytes: [UInt8]) {
    #expect(throws: JSONTape.Malformed.self) { try JSONTape(bytes) }
  }

  @Test func `depth is limited`() throws {
    let deep = JSONTape.Limits.depth
    let fits = String(repeating: "[", count: deep) + String(repeating: "]", count: deep)
    #expect(try root(fits).kind == .array)
    #expect(throws: JSONTape.Malformed.tooDeep(offset: deep)) {
      try JSONTape(Array(("[" + fits + "]").utf8))
    }
  }

  @Test func `size is limited`() {
    let large = [UInt8](repeating: 0x20, count: JSONTape.Limits.bytes + 1)
    #expect(throws: JSONTape.Malformed.tooLarge(bytes: large.count)) { try JSONTape(large) }
  }
}
