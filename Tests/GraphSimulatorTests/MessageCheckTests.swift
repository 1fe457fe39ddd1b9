import Testing

@testable import GraphSimulator

@Suite struct MessageCheckTests {
  private func code(_ type: String, _ content: JSON, _ more: JSON = [:]) -> Int? {
    var body: JSON = .object([.init(type, content)])
    for member in more.members ?? [] { body = body.with(member.name, member.value) }
    do {
      try MessageCheck.check(body, type: type) { $0 == "known" }
      return nil
    } catch {
      return error.code
    }
  }

  @Test func `text has 1 to 4096 characters`() {
    #expect(code("text", ["body": JSON(String(repeating: "é", count: 4096))]) == nil)
    #expect(code("text", ["body": JSON(String(repeating: "a", count: 4097))]) == 100)
    #expect(code("text", ["body": ""]) == 100)
    #expect(code("text", [:]) == 131008)
  }

  @Test func `our own data has at most 512 characters`() {
    let data = JSON(String(repeating: "x", count: 513))
    #expect(code("text", ["body": "a"], ["biz_opaque_callback_data": data]) == 100)
  }

  @Test func `media wants a known id or a link, and captions only where they go`() {
    #expect(code("image", ["id": "known", "caption": "c"]) == nil)
    #expect(code("image", ["id": "other"]) == 131053)
    #expect(code("image", ["link": "https://a.test/b.jpg"]) == nil)
    #expect(code("image", ["link": "ftp://a.test"]) == 131009)
    #expect(code("document", [:]) == 131008)
    #expect(code("audio", ["id": "known", "caption": "c"]) == 100)
  }

  @Test func `reply buttons are one to three with different titles of at most 20`() {
    func button(_ titles: [String]) -> JSON {
      [
        "type": "button", "body": ["text": "Pick"],
        "action": [
          "buttons": .array(
            titles.enumerated().map {
              ["type": "reply", "reply": ["id": JSON("\($0.offset)"), "title": JSON($0.element)]]
            })
        ],
      ]
    }
    #expect(code("interactive", button(["a", "b", "c"])) == nil)
    #expect(code("interactive", button(["a", "b", "c", "d"])) == 131009)
    #expect(code("interactive", button(["a", "a"])) == 131009)
    #expect(code("interactive", button([String(repeating: "a", count: 21)])) == 100)
    #expect(code("interactive", button([])) == 131009)
  }

  @Test func `a list has at most ten rows in all, with different ids`() {
    func list(_ ids: [Int]) -> JSON {
      [
        "type": "list", "body": ["text": "Pick"],
        "action": [
          "button": "Menu",
          "sections": [
            [
              "title": "S",
              "rows": .array(ids.map { ["id": JSON("\($0)"), "title": "row"] }),
            ]
          ],
        ],
      ]
    }
    #expect(code("interactive", list(Array(0..<10))) == nil)
    #expect(code("interactive", list(Array(0..<11))) == 131009)
    #expect(code("interactive", list([1, 1])) == 131009)
  }

  @Test func `a reaction may be taken back with an empty emoji`() {
    #expect(code("reaction", ["message_id": "wamid.A", "emoji": ""]) == nil)
    #expect(code("reaction", ["emoji": "x"]) == 131008)
  }

  @Test func `a location lies on the globe, and contacts have names`() {
    #expect(code("location", ["latitude": .double(1.5), "longitude": .double(2.5)]) == nil)
    #expect(code("location", ["latitude": 91, "longitude": 0]) == 131009)
    #expect(code("contacts", [["name": ["formatted_name": "A B"]]]) == nil)
    #expect(code("contacts", []) == 131009)
  }

  @Test func `parameters of templates have no line breaks`() {
    func template(_ text: String) -> JSON {
      [
        "name": "a", "language": ["code": "en"],
        "components": [["type": "body", "parameters": [["type": "text", "text": JSON(text)]]]],
      ]
    }
    #expect(code("template", template("fine")) == nil)
    #expect(code("template", template("a\nb")) == 132018)
  }

  @Test func `an unknown type is 131051`() {
    #expect(code("poll", [:]) == 131051)
  }
}
