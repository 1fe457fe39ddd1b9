import Wire

/// Public identifiers written by SQL, for the pinned views.
enum PublicID {
  /// The digits of base 32, an SQL literal.
  static let alphabet = "'0123456789abcdefghjkmnpqrstvwxyz'"

  /// An SQL expression for the text of an integer column's ``RowID``, as ``RowID/text(_:)`` writes
  /// it: 13 digits of base 32 behind the prefix.
  static func sql(_ column: String, _ kind: RowKind) -> String {
    "'\(kind.rawValue)_' || " + digits(of: column)
  }

  /// The 13 digits without a prefix; `alphabet` is an expression for ``alphabet``.
  static func digits(of column: String, in alphabet: String = alphabet) -> String {
    stride(from: 60, through: 0, by: -5).map { shift in
      "substr(\(alphabet), ((\(column) >> \(shift)) & 31) + 1, 1)"
    }.joined(separator: " || ")
  }
}
