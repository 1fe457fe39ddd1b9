import Wire

/// Writes the body that goes to Graph.
enum GraphBody {
  /// A client's body with the recipient in E.164, our id, and without what is ours alone.
  static func message(_ content: [UInt8], to address: RecipientAddress, id: RowID) throws -> [UInt8]
  {
    var json = head(address, id)
    let root = try JSONTape(content).root
    for (key, value) in root.members where !ours.contains(key) {
      json.append(UInt8(ascii: ","))
      JSONText.append(key, to: &json)
      json.append(UInt8(ascii: ":"))
      json.append(contentsOf: value.raw)
    }
    if root["type"] == nil { json.append(contentsOf: #","type":"text""#.utf8) }
    json.append(UInt8(ascii: "}"))
    return json
  }

  /// A campaign's message: its template with one recipient's components.
  static func template(
    _ name: String, language: String, components: [UInt8]?, to address: RecipientAddress, id: RowID
  ) -> [UInt8] {
    var json = head(address, id)
    json.append(UInt8(ascii: ","))
    json.append(contentsOf: templateMembers(name, language: language, components: components))
    json.append(UInt8(ascii: "}"))
    return json
  }

  /// Writes the members `"type":"template","template":{…}`.
  static func templateMembers(
    _ name: String, language: String, components: [UInt8]?
  ) -> [UInt8] {
    var json = Array(#""type":"template","template":{"name":"#.utf8)
    JSONText.append(name, to: &json)
    json.append(contentsOf: #","language":{"code":"#.utf8)
    JSONText.append(language, to: &json)
    json.append(UInt8(ascii: "}"))
    if let components {
      json.append(contentsOf: #","components":"#.utf8)
      json.append(contentsOf: components)
    }
    json.append(UInt8(ascii: "}"))
    return json
  }

  private static let ours: Set<String> = [
    "number_id", "phone_number_id", "messaging_product", "recipient_type", "to", "recipient",
    "biz_opaque_callback_data",
  ]

  private static func head(_ address: RecipientAddress, _ id: RowID) -> [UInt8] {
    var json = Array(#"{"messaging_product":"whatsapp","recipient_type":"individual","#.utf8)
    switch address {
    case .phone(let digits): json.append(contentsOf: "\"to\":\"+\(digits)\"".utf8)
    case .user(let id):
      json.append(contentsOf: "\"recipient\":".utf8)
      JSONText.append(id, to: &json)
    }
    json.append(contentsOf: ",\"biz_opaque_callback_data\":\"\(id.text(.message))\"".utf8)
    return json
  }
}
