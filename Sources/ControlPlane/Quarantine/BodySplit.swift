import Wire

/// Reads a body anew that was not understood when it came: a later version may know its shape.
enum BodySplit {
  /// The same entry with its body cut into changes; unchanged where it still cannot be read.
  static func again(_ spooled: Aimstors_ProtoSpoolPart) -> Aimstors_ProtoSpoolPart {
    guard !spooled.body.isEmpty, spooled.part.changes.isEmpty,
      let changes = changes(of: Array(spooled.body))
    else { return spooled }
    var result = spooled
    result.part.metaApp = spooled.metaApp
    result.part.bodySha256 = .init(Digests.sha256(Array(spooled.body)))
    result.part.receivedAtMs = spooled.receivedAtMs
    result.part.changes = changes
    return result
  }

  /// Every change of the body, each value byte for byte; nil unless all of it is understood.
  private static func changes(of body: [UInt8]) -> [Aimstors_ProtoWebhookChange]? {
    guard let root = try? JSONTape(body).root, let entries = root["entry"] else { return nil }
    var result: [Aimstors_ProtoWebhookChange] = []
    for entry in entries.elements {
      guard let waba = entry["id"]?.lenientString, let list = entry["changes"] else { return nil }
      for node in list.elements {
        guard let field = node["field"]?.string, let value = node["value"] else { return nil }
        var change = Aimstors_ProtoWebhookChange()
        change.wabaID = waba
        change.field = field
        change.phoneNumberID = value["metadata"]?["phone_number_id"]?.lenientString ?? ""
        change.entryTime = entry["time"]?.lenientInteger ?? 0
        change.value = .init(value.raw)
        result.append(change)
      }
    }
    return result.isEmpty ? nil : result
  }
}
