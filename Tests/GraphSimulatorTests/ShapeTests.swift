import Testing

@testable import GraphSimulator

@Suite struct ShapeTests {
  @Test func `a multipart body gives its parts, binary content untouched`() throws {
    let content: [UInt8] = [0, 13, 10, 45, 45, 255, 10]
    let head =
      "--XX\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage/png\r\n"
      + "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n"
      + "Content-Type: image/png\r\n\r\n"
    let body = Array(head.utf8) + content + Array("\r\n--XX--\r\n".utf8)
    let form = try #require(
      MultipartForm(body, contentType: "multipart/form-data; boundary=XX"))
    #expect(form["type"]?.text == "image/png")
    #expect(form["file"]?.bytes == content && form["file"]?.filename == "a.png")
  }

  @Test(arguments: ["", "--XX", "--XX\r\n\r\n", "no boundary", "--XX\r\nA: b\r\n\r\nrest"])
  func `a broken multipart body is none`(_ body: String) {
    #expect(
      MultipartForm(Array(body.utf8), contentType: "multipart/form-data; boundary=XX") == nil)
  }

  @Test func `queries are percent-decoded`() {
    let query = QueryText.parse("hub.mode=subscribe&a=x%20y+z&b&c=%C3%A9&d=%zz")
    #expect(query["hub.mode"] == "subscribe" && query["a"] == "x y z" && query["b"] == "")
    #expect(query["c"] == "é" && query["d"] == "%zz")
  }

  @Test func `JSON is JSON although curl calls it a form, and a form is its fields`() throws {
    func request(_ body: String) -> GraphRequest {
      GraphRequest(
        method: "POST", path: [], query: [:],
        headers: ["content-type": "application/x-www-form-urlencoded"], bytes: Array(body.utf8))
    }
    #expect(try request(" {\"a\": 1}").json()["a"] == 1)
    #expect(try request("a=x%20y").json()["a"] == "x y")
  }

  @Test func `a bounded map forgets its oldest keys`() {
    var map = BoundedMap<Int, Int>(limit: 3)
    for key in 0..<10 { map[key] = key }
    #expect(map.count == 3 && map[6] == nil && map[7] == 7 && map[9] == 9)
    for round in 0..<1_000 {
      map[9] = round
      map[9] = nil
    }
    map[10] = 10
    #expect(map[10] == 10 && map.count <= 3)
  }

  @Test func `the log's ring keeps to its bytes`() {
    var ring = Ring<Int>(limit: 100)
    for number in 0..<5_000 { ring.add(number, size: 10) }
    #expect(ring.entries == Array(4_990..<5_000) && ring.total == 5_000)
  }

  @Test func `templates are listed in pages with a summary`() throws {
    let number = PhoneNumber.series(1)[0]
    var world = GraphWorld(numbers: [number], faults: Faults(), instance: "t")
    for index in 0..<5 {
      _ = try world.createTemplate(
        waba: number.wabaID,
        [
          "name": JSON("t\(index)"), "language": "en", "category": "MARKETING", "components": [],
        ])
    }
    let first = try world.listTemplates(
      waba: number.wabaID, query: ["limit": "3", "summary": "total_count"])
    #expect(first["data"]?.array?.count == 3 && first["summary"]?["total_count"] == 5)
    let after = first["paging"]?["cursors"]?["after"]?.string ?? ""
    let second = try world.listTemplates(
      waba: number.wabaID, query: ["limit": "3", "after": after])
    #expect(second["data"]?.array?.map { $0["name"] ?? .null } == ["t3", "t4"])
    #expect(second["paging"]?["next"] == nil && second["summary"] == nil)
  }

  @Test func `a template in one language exists once`() throws {
    let number = PhoneNumber.series(1)[0]
    var world = GraphWorld(numbers: [number], faults: Faults(), instance: "t")
    let body: JSON = [
      "name": "a", "language": "en", "category": "MARKETING", "components": [],
    ]
    _ = try world.createTemplate(waba: number.wabaID, body)
    #expect {
      _ = try world.createTemplate(waba: number.wabaID, body)
    } throws: {
      ($0 as? GraphError)?.subcode == 2_388_024
    }
  }

  @Test func `error bodies have Meta's form`() {
    let body = GraphError.injected(130429).json(trace: "T")
    #expect(body["error"]?["code"] == 130429 && body["error"]?["is_transient"] == true)
    #expect(body["error"]?["error_data"]?["messaging_product"] == "whatsapp")
    #expect(body["error"]?["fbtrace_id"] == "T")
  }

  @Test func `HMAC and Base64 agree with their published examples`() {
    // RFC 4231, test case 2; RFC 4648, section 10.
    #expect(
      Digest.hmac(key: "Jefe", Array("what do ya want for nothing?".utf8))
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    #expect(
      ["", "f", "fo", "foo", "foob"].map { Base64.encode(Array($0.utf8)) }
        == ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="])
  }

  @Test func `a status of a user without a phone has no recipient id`() {
    let planned = StatusPlan.plan(for: .sample(userID: "US.1"), Faults())
    let status = WebhookBody.status(.sample(userID: "US.1"), planned[0])
    let value = status["entry"]?[0]?["changes"]?[0]?["value"]?["statuses"]?[0]
    #expect(value?["recipient_id"] == nil && value?["recipient_user_id"] == "US.1")
    #expect(value?["biz_opaque_callback_data"] == "ours/1")
    #expect(value?["pricing"]?["category"] == "marketing" && value?["timestamp"]?.string != nil)
  }
}
