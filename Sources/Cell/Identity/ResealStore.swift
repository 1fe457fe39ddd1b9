import Alerts
import Storage
import Wire

/// The SQL of sealing a tenant's secrets anew: every place where one is kept.
struct ResealStore {
  /// One sealed value, and for whom it is sealed.
  struct Entry: Hashable, Sendable {
    enum Place: Hashable, Sendable {
      case number(RowID)
      case totp(RowID)
      case mail(RowID)
      case alertChannel(AlertChannel.Kind)
    }
    let place: Place
    let sealed: [UInt8]
    let owner: String
    /// The name under which earlier versions sealed it.
    let earlierOwner: String
  }

  private let sessions: Connection
  private let messages: Connection
  private let tenant: TenantID

  init(_ transaction: Transaction) throws {
    sessions = try transaction.file(.sessions)
    messages = try transaction.file(.messages)
    tenant = transaction.tenant
  }

  init(_ snapshot: Snapshot) {
    sessions = snapshot.file(.sessions)
    messages = snapshot.file(.messages)
    tenant = snapshot.tenant
  }

  /// Every sealed value of the tenant, or of the one whose files were copied to make it.
  func entries(sealedFor source: TenantID? = nil) throws -> [Entry] {
    let from = source ?? tenant
    var entries = try messages.rows(
      "SELECT id, phone_number_id, access_token FROM numbers WHERE length(access_token) > 0"
    ) { row in
      Entry(
        place: .number(RowID(row.int64(0))), sealed: row.blob(2),
        owner: Number.owner(from, row.text(1)), earlierOwner: "number/\(row.text(1))")
    }
    entries += try sessions.rows(
      "SELECT user_id, totp_secret FROM user_credentials WHERE totp_secret IS NOT NULL"
    ) { row in
      let owner = SignIn.totpOwner(from, RowID(row.int64(0)))
      return Entry(
        place: .totp(RowID(row.int64(0))), sealed: row.blob(1), owner: owner,
        earlierOwner: owner)
    }
    entries += try sessions.rows("SELECT id, content FROM mails WHERE sent_at IS NULL") { row in
      let owner = Letters.owner(from, RowID(row.int64(0)))
      return Entry(
        place: .mail(RowID(row.int64(0))), sealed: row.blob(1), owner: owner,
        earlierOwner: owner)
    }
    entries += try AlertChannel.Kind.allCases.compactMap { kind in
      try sessions.first(
        "SELECT target FROM alert_channels WHERE kind = ?", .text(kind.rawValue)
      ) { row in
        let owner = TenantAlertLog.owner(from, kind)
        return Entry(
          place: .alertChannel(kind), sealed: row.blob(0), owner: owner, earlierOwner: owner)
      }
    }
    return entries
  }

  func put(_ sealed: [UInt8], at place: Entry.Place) throws {
    switch place {
    case .number(let id):
      try messages.run(
        "UPDATE numbers SET access_token = ? WHERE id = ?", .blob(sealed), .integer(id.rawValue))
    case .totp(let id):
      try sessions.run(
        "UPDATE user_credentials SET totp_secret = ? WHERE user_id = ?", .blob(sealed),
        .integer(id.rawValue))
    case .mail(let id):
      try sessions.run(
        "UPDATE mails SET content = ? WHERE id = ?", .blob(sealed), .integer(id.rawValue))
    case .alertChannel(let kind):
      try sessions.run(
        "UPDATE alert_channels SET target = ? WHERE kind = ?", .blob(sealed),
        .text(kind.rawValue))
    }
  }
}
