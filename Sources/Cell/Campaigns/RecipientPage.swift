import Wire

/// One page of a campaign's recipients, read and checked before anything is stored.
struct RecipientPage: Hashable, Sendable {
  struct Entry: Hashable, Sendable {
    let address: RecipientAddress
    let components: [UInt8]?
    /// What it takes in a command, about.
    var bytes: Int { 60 + (components?.count ?? 0) }
  }
  let page: Int64
  let entries: [Entry]
  let hash: [UInt8]

  /// Reads `{page, recipients: [{to | user_id, parameters | components}]}`.
  ///
  /// - Parameters:
  ///   - parameters: The names of the template's body parameters in order.
  ///   - isNamed: Whether parameters are sent with their names.
  ///
  /// Throws `invalid_json` and `invalid_field` naming the field.
  init(_ body: [UInt8], parameters: [String], isNamed: Bool) throws(Failure) {
    let root: FieldCheck
    do throws(JSONTape.Malformed) {
      root = FieldCheck(try JSONTape(body).root, "")
    } catch {
      throw Failure(.invalidJSON, "the body is not valid JSON")
    }
    guard root.node?.kind == .object else {
      throw Failure(.invalidJSON, "the body must be a JSON object")
    }
    try root.requireUniqueMembers()
    guard let page = root["page"].node?.integer, page >= 0 else {
      throw root["page"].refuse("must be an integer from 0")
    }
    var entries: [Entry] = []
    for recipient in try root["recipients"].elements(1...CampaignLimits.recipientsPerPage) {
      let address = try Self.address(recipient.object())
      let components = try Self.components(recipient, parameters, isNamed)
      entries.append(Entry(address: address, components: components))
    }
    self.page = page
    self.entries = entries
    hash = Array(Digest.sha256(body).prefix(16))
  }

  private static func address(_ recipient: FieldCheck) throws(Failure) -> RecipientAddress {
    if recipient["to"].isPresent {
      guard let address = RecipientAddress(phone: try recipient["to"].text(1...32)) else {
        throw recipient["to"].refuse("must be a phone number in E.164, e.g. +16505551234")
      }
      return address
    }
    guard recipient["user_id"].isPresent else { throw recipient["to"].refuse("is missing") }
    guard let address = RecipientAddress(user: try recipient["user_id"].text(1...200)) else {
      throw recipient["user_id"].refuse("must be a business-scoped user id, e.g. US.1349")
    }
    return address
  }

  /// The template's components for one recipient, as Graph takes them.
  private static func components(
    _ recipient: FieldCheck, _ names: [String], _ isNamed: Bool
  ) throws(Failure) -> [UInt8]? {
    if recipient["components"].isPresent {
      try OutboundLimits.components(recipient["components"])
      return recipient["components"].node.map { Array($0.raw) }
    }
    let given =
      recipient["parameters"].isPresent ? try recipient["parameters"].elements(0...100) : []
    guard given.count == names.count else {
      throw recipient["parameters"].refuse(
        "must have \(names.count) elements, as many as the template's body has parameters")
    }
    guard !given.isEmpty else { return nil }
    var json = Array(#"[{"type":"body","parameters":["#.utf8)
    for (index, parameter) in given.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      json += try self.parameter(parameter, name: isNamed ? names[index] : nil)
    }
    return json + Array("]}]".utf8)
  }

  /// A string becomes a text parameter; an object is taken as it is.
  private static func parameter(
    _ parameter: FieldCheck, name: String?
  ) throws(Failure) -> [UInt8] {
    if parameter.node?.kind == .object { return parameter.node.map { Array($0.raw) } ?? [] }
    let text = try parameter.text(1...4096)
    if let fault = OutboundLimits.fault(inParameter: text) { throw parameter.refuse(fault) }
    return JSONWriter.object { json in
      json.add("type", "text")
      if let name { json.add("parameter_name", name) }
      json.add("text", text)
    }
  }

  /// The entries in pieces that each fit in a command.
  var chunks: [[Entry]] {
    var chunks: [[Entry]] = []
    var chunk: [Entry] = []
    var bytes = 0
    for entry in entries {
      if !chunk.isEmpty, bytes + entry.bytes > CampaignLimits.bytesPerCommand {
        chunks.append(chunk)
        chunk = []
        bytes = 0
      }
      chunk.append(entry)
      bytes += entry.bytes
    }
    return chunk.isEmpty ? chunks : chunks + [chunk]
  }
}
