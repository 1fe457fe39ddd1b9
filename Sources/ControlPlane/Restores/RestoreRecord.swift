import Wire

/// A restore as it was asked for; its operation says how far it has come.
struct RestoreRecord: Hashable, Sendable {
  enum Mode: String, Hashable, Sendable, Codable { case fork, swap }

  let id: OperationID
  let tenant: TenantID
  /// The tenant that the files become.
  let target: TenantID
  let cell: CellID
  /// latest, a tenant_seq, or an RFC 3339 time.
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
  }

  let at: Point
  let mode: RestoreRecord.Mode
  let source: String?
  let accept: Bool?

  /// Throws `invalid_field`.
  func check() throws(Failure) {
    let isPoint =
      at.text == "latest" || (UInt64(at.text) ?? 0) > 0 || Timestamp(rfc3339: at.text) != nil
    guard isPoint else {
      throw Failure(.invalidField, "at must be latest, a tenant_seq or an RFC 3339 time")
    }
    guard (source ?? "archive") == "archive" else {
      throw Failure(
        .invalidField, "source must be archive: this release restores from nowhere else")
    }
  }
}
