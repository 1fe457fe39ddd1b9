import Wire

/// Where a message goes: a phone number in E.164, or a business-scoped user id.
enum RecipientAddress: Hashable, Sendable {
  /// Digits only.
  case phone(String)
  case user(String)

  /// Reads a phone number; spaces, `-`, `(`, `)` and `+` are tolerated.
  ///
  /// Nil for anything else.
  init?(phone text: String) {
    var digits: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(byte)
      case UInt8(ascii: "+"), UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "("),
        UInt8(ascii: ")"):
        continue
      default: return nil
      }
    }
    guard (6...15).contains(digits.count), digits.first != UInt8(ascii: "0") else { return nil }
    self = .phone(String(decoding: digits, as: UTF8.self))
  }

  /// Reads a BSUID such as `US.13491208655302741918`, or nil.
  init?(user text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2 || parts.count == 3, text.utf8.count <= 200,
      parts[0].utf8.count == 2, parts[0].utf8.allSatisfy({ $0 >= 65 && $0 <= 90 })
    else { return nil }
    for part in parts.dropFirst() {
      guard !part.isEmpty, part.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }) else {
        return nil
      }
    }
    self = .user(text)
  }

  var party: String? {
    if case .phone(let digits) = self { return digits }
    return nil
  }

  var userID: String? {
    if case .user(let id) = self { return id }
    return nil
  }
}
