import Testing
import Wire

@Suite struct JSONTextTests {
  private func written(_ text: String) -> [UInt8] {
    var json: [UInt8] = []
    JSONText.append(text, to: &json)
    return json
  }

  @Test func `what is written reads back, by ourselves and by the parser`() throws {
    let controls = String(decoding: (0..<128).map { UInt8($0) }, as: UTF8.self)
    var state: UInt64 = 7
    var texts = ["", "\"", "\\", "\\u0041", controls, "Grüße 😀", "a\u{0}b\u{1F}", "\u{7F}\u{80}"]
    for _ in 0..<500 {
      var text = ""
      for _ in 0..<20 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        text.unicodeScalars.append(
          Unicode.Scalar(UInt32(state >> 40) % 0x3000) ?? "x")
      }
      texts.append(text)
    }
    for text in texts {
      let json = written(text)
      #expect(JSONText.unescaped(json[1..<(json.count - 1)]) == Array(text.utf8))
      #expect(try JSONTape(json).root.string == text)
    }
  }

  @Test(arguments: [
    "\"", "\\", "\\x", "\\u12", "\\u0100", "\\u00zz", "a\u{1}", "\\/", "\\b", "\\u00",
  ])
  func `what is never written is not read`(text: String) {
    #expect(JSONText.unescaped(Array(text.utf8)[...]) == nil)
  }
}
