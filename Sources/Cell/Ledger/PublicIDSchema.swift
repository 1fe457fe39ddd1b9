import Wire

/// Public identifiers written by SQL, for the pinned views.
enum PublicID {
  /// An SQL expression for the text of an integer column's ``RowID``, as ``RowID/text(_:)`` writes
  /// it: 13 digits of base 32 behind the prefix.
  static func sql(_ column: String, _ kind: RowKind) -> String {
    let digits = stride(from: 60, through: 0, by: -5).map { shift in
      "substr('0123456789abcdefghjkmnpqrstvwxyz', ((\(column) >> \(shift)) & 31) + 1, 1)"
    }
    return "'\(kind.rawValue)_' || " + digits.joined(separator: " || ")
  }
}
