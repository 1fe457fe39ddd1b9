import Wire

/// A restore as it was asked for; its operation says how far it has come.
struct RestoreRecord: Hashable, Sendable {
  enum Mode: String, Hashable, Sendable, Codable { case fork, swap }

  let id: OperationID
  let tenant: TenantID
  /// The tenant that the files become.
  let target: TenantID
  let cell: CellID
  /// A ``SourcedPoint`` of latest, a tenant_seq, one with a number of commands (`812.3`), or an RFC
  /// 3339 time.
  let at: String
  let mode: Mode
  let accept: Bool
  var releasedAt: Timestamp?
}

/// The body of `POST /v1/tenants/{id}/restores`.
struct RestoreInput: Decodable, Sendable {
  /// A number is a tenant_seq.
  struct Point: Decodable, Sendable {
    let text: String

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(UInt64.self) {
        text = "\(number)"
      } else {
        text = try container.decode(String.self)
      }
    }

    /// Not a part of a record.
    var isWhole: Bool {
      text == "latest" || (UInt64(text) ?? 0) > 0 || Timestamp(rfc3339: text) != nil
    }

    var isValid: Bool {
      if isWhole { return true }
      let parts = text.split(separator: ".", omittingEmptySubsequences: false)
      return parts.count == 2 && (UInt64(parts[0]) ?? 0) > 1 && (Int(parts[1]) ?? 0) > 0
    }
  }

  let at: Point
  let mode: RestoreRecord.Mode
  let source: RestoreSource?
  let accept: Bool?

  /// The point as it is recorded, and told to the cell.
  var point: String { SourcedPoint(source: source ?? .archive, at: at.text).text }

  /// Throws `invalid_field`.
  func check() throws(Failure) {
    guard at.isValid else {
      throw Failure(
        .invalidField,
        "at must be latest, a tenant_seq, one with a number of commands (812.3) or an RFC 3339 time"
      )
    }
    guard source != .follower || at.isWhole else {
      throw Failure(.invalidField, "a follower restores to whole records: at has no commands")
    }
  }
}
