import Wire

/// Checks that Meta made a request: over the bytes as they came, never over parsed and rewritten
/// JSON.
enum WebhookSignature {
  /// Throws `signature_missing` without a header of the right form, `signature_wrong` where neither
  /// the current nor the previous secret gives it.
  static func check(_ header: String?, _ body: [UInt8], _ app: PlacementMap.MetaApp) throws(Failure)
  {
    guard let header else {
      throw Failure(.signatureMissing, "X-Hub-Signature-256 is missing")
    }
    guard header.hasPrefix("sha256="), let claimed = hex(header.dropFirst(7)) else {
      throw Failure(.signatureWrong, "X-Hub-Signature-256 is not sha256= and 64 digits")
    }
    for secret in [app.secret, app.previousSecret] where !secret.isEmpty {
      let made = Digests.hmacSHA256(key: Array(secret.utf8), body)
      if Digests.areEqual(made, claimed) { return }
    }
    throw Failure(.signatureWrong, "X-Hub-Signature-256 does not fit the body")
  }

  private static func hex(_ text: Substring) -> [UInt8]? {
    guard text.utf8.count == 64 else { return nil }
    var bytes: [UInt8] = []
    var high: UInt8?
    for digit in text.utf8 {
      let value: UInt8
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = digit - UInt8(ascii: "A") + 10
      default: return nil
      }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    return bytes
  }
}
