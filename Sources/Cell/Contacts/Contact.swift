import Wire

/// A person whom the tenant's numbers talk with.
struct Contact: Hashable, Sendable {
  let id: RowID
  /// The phone number as WhatsApp writes it: digits without `+`.
  ///
  /// Nil where the person hides it.
  var waID: String?
  /// The business-scoped user id, such as `US.13491208655302741918`.
  ///
  /// Nil where Meta never sent one.
  var userID: String?
  var name: String
  /// Asked for no more marketing.
  var optedOut: Bool
  let createdAt: Timestamp
  /// The contact that this one turned out to be.
  var mergedInto: RowID?

  static let maximumNameBytes = 512
  static let maximumTags = 50
  static let maximumTagBytes = 64
}

/// Who a person is: by phone, by business-scoped user id, or both.
///
/// At least one.
struct ContactIdentity: Hashable, Sendable {
  let waID: String?
  let userID: String?

  /// Nil where both are nil or empty.
  init?(waID: String?, userID: String?) {
    self.waID = waID.flatMap { $0.isEmpty ? nil : $0 }
    self.userID = userID.flatMap { $0.isEmpty ? nil : $0 }
    if self.waID == nil, self.userID == nil { return nil }
  }

  /// The digits of a phone number as people write it: `+`, blanks, `-`, `.`, `(` and `)` fall away.
  ///
  /// Nil where anything else is in it or there are not 7 to 15 digits.
  static func waID(phone: String) -> String? {
    var digits = ""
    for (index, character) in phone.enumerated() {
      switch character {
      case "0"..."9": digits.append(character)
      case "+" where index == 0: continue
      case " ", "-", ".", "(", ")": continue
      default: return nil
      }
    }
    return (7...15).contains(digits.utf8.count) ? digits : nil
  }

  /// Whether a text has the form of a business-scoped user id: two letters, a dot, and up to 128 of
  /// letters and digits; a parent id has `ENT.` in between.
  static func isUserID(_ text: String) -> Bool {
    var parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard Market(userID: text) != nil, parts.count == 2 || parts.count == 3 else { return false }
    if parts.count == 3 {
      guard parts[1] == "ENT" else { return false }
      parts.remove(at: 1)
    }
    let bytes = parts[1].utf8
    return (1...128).contains(bytes.count)
      && bytes.allSatisfy { byte in
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
      }
  }
}
