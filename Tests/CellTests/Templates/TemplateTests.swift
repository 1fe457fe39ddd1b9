import Simulation
import Storage
import Testing
import Wire

@testable import Cell

@Suite("Templates") struct TemplateTests {
  private static func input(
    _ components: String, name: String = "order_ok", language: String = "en_US",
    category: String = "UTILITY", format: String = "POSITIONAL"
  ) throws -> TemplateInput {
    let body = """
      {"category":"\(category)","parameter_format":"\(format)","components":\(components)}
      """
    return try TemplateInput(name: name, language: language, body: Array(body.utf8))
  }

  private static func text(_ count: Int) -> String { String(repeating: "x", count: count) }

  private static func buttons(_ list: [String]) -> String {
    """
    [{"type":"BODY","text":"hi"},{"type":"BUTTONS","buttons":[\(list.joined(separator: ","))]}]
    """
  }
  private static let quick = #"{"type":"QUICK_REPLY","text":"Yes"}"#
  private static let url = #"{"type":"URL","text":"Open","url":"https://x.test/{{1}}"}"#
  private static let phone = #"{"type":"PHONE_NUMBER","text":"Call","phone_number":"+15550001"}"#

  @Test(arguments: [
    #"[{"type":"BODY","text":"Hi {{1}}, it is {{2}}!"}]"#,
    #"[{"type":"HEADER","format":"TEXT","text":"For {{1}} only"},{"type":"BODY","text":"x"}]"#,
    #"[{"type":"HEADER","format":"GIF"},{"type":"body","text":"x"},{"type":"FOOTER","text":"f"}]"#,
    "[{\"type\":\"BODY\",\"text\":\"\(text(1024))\"}]",
    buttons(Array(repeating: quick, count: 10)), buttons([quick, quick, url, url, phone]),
  ])
  func `what Meta takes is taken`(components: String) throws {
    #expect(try Self.input(components).warnings == [])
  }

  @Test(arguments: [
    "{}", "[]", "[1]", #"[{"type":"BODY"}]"#, #"[{"type":"SONG","text":"x"}]"#,
    #"[{"type":"BODY","text":"x"},{"type":"BODY","text":"y"}]"#,
    #"[{"type":"BODY","text":"a {{2}} b"}]"#, #"[{"type":"BODY","text":"a {{name}} b"}]"#,
    "[{\"type\":\"BODY\",\"text\":\"\(text(1025))\"}]",
    "[{\"type\":\"BODY\",\"text\":\"x\"},{\"type\":\"FOOTER\",\"text\":\"\(text(61))\"}]",
    #"[{"type":"BODY","text":"x"},{"type":"FOOTER","text":"a {{1}} b"}]"#,
    "[{\"type\":\"BODY\",\"text\":\"x\"},{\"type\":\"HEADER\",\"text\":\"\(text(61))\"}]",
    #"[{"type":"BODY","text":"x"},{"type":"HEADER","text":"a {{1}} {{2}} b"}]"#,
    #"[{"type":"BODY","text":"x"},{"type":"HEADER","format":"SMELL"}]"#,
    buttons(Array(repeating: quick, count: 11)), buttons([url, url, url]), buttons([phone, phone]),
    buttons([quick, url, quick]),
    buttons([#"{"type":"URL","text":"Open","url":"https://x.test/{{1}}/y"}"#]),
    buttons(["{\"type\":\"QUICK_REPLY\",\"text\":\"\(text(26))\"}"]),
  ])
  func `what Meta refuses is refused with its field`(components: String) {
    do {
      _ = try Self.input(components)
      Issue.record("taken")
    } catch let failure as Failure {
      #expect(failure.code == .invalidField)
      #expect(failure.detail.hasPrefix("components"))
    } catch { Issue.record("\(error)") }
  }

  @Test func `names, languages, categories and formats are checked`() throws {
    let body = #"[{"type":"BODY","text":"x"}]"#
    for name in ["", "Order", "a-b", "a b", Self.text(513)] {
      #expect(throws: Failure.self, "\(name)") { try Self.input(body, name: name) }
    }
    for language in ["", "english_US", "en-US", "e", "en_", "en_US_x_y"] {
      #expect(throws: Failure.self, "\(language)") { try Self.input(body, language: language) }
    }
    #expect(throws: Failure.self) { try Self.input(body, category: "SERVICE") }
    #expect(throws: Failure.self) { try Self.input(body, format: "BOTH") }
    #expect(throws: Failure.self) {
      try TemplateInput(name: "a", language: "en", body: Array("nonsense".utf8))
    }
    _ = try Self.input(#"[{"type":"BODY","text":"a {{name}} b"}]"#, format: "named")
  }

  @Test func `a parameter at the edge is taken with a warning: Meta has the last word`() throws {
    #expect(try Self.input(#"[{"type":"BODY","text":"Hello {{1}}"}]"#).warnings.count == 1)
  }

  @Test func `other content is a new version; Meta's word stands apart`() throws {
    let books = try Books()
    let one = try Self.input(#"[{"type":"BODY","text":"Hi {{1}}, you"}]"#)
    let two = try Self.input(#"[{"type":"BODY","text":"Hi {{1}} and {{2}}, both"}]"#)
    try books.store.write(at: books.now) { tx in
      let templates = try Templates(tx)
      #expect(try templates.put(one).version == 1)
      #expect(try templates.setStatus(name: "order_ok", language: "en_US", .approved))
      #expect(try templates.setCategory(name: "order_ok", language: "en_US", .marketing))
      let same = try templates.put(one)
      #expect(same.version == 1)
      #expect(same.status == .approved)
      #expect(same.category == .marketing)
      let next = try templates.put(two)
      #expect(next.version == 2)
      #expect(next.status == .pending)
      #expect(next.bodyParameters == ["1", "2"])
      let paused = TemplateStatus(rawValue: "PAUSED")
      try templates.setStatus(name: "order_ok", language: "en_US", paused, reason: "quality")
      #expect(try templates.find(name: "order_ok", language: "en_US")?.status.maySend == false)
      #expect(try templates.setStatus(name: "other", language: "en_US", .approved) == false)
    }
  }
}
