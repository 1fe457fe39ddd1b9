import Wire

/// The view `ledger_entries`, as outside checks see the entries: pinned names, public identifiers,
/// times in RFC 3339.
///
/// SQLite parses it whenever a ledger is opened, so its length is CPU time of each opening.
enum LedgerEntriesView {
  /// As ledgers were made with at first: 23 KB, most of it digits, once for each kind of
  /// transfer.
  static let firstText = """
    CREATE VIEW ledger_entries
      (id, at, transfer_id, account, currency, amount_micros, kind, source_id) AS
    WITH sided (id, at, account, amount, kind, source_id) AS (
      SELECT id, at, from_account, -amount, kind, source_id FROM transfers
      UNION ALL
      SELECT id, at, to_account, amount, kind, source_id FROM transfers
    )
    SELECT
      \(PublicID.sql("sided.id", .entry)) || '-' || \(accountName("sided.account")),
      strftime('%Y-%m-%dT%H:%M:%fZ', sided.at / 1000.0, 'unixepoch'),
      \(PublicID.sql("sided.id", .transfer)),
      \(accountName("sided.account")), wallets.currency, sided.amount,
      CASE sided.kind \(cases { "'\($0.name)'" }) END,
      CASE sided.kind \(cases(source)) END
    FROM sided CROSS JOIN wallets LEFT JOIN usage_events ON usage_events.id = sided.source_id;

    """

  /// The same rows from a tenth of the text: each identifier's digits are written out once for all
  /// prefixes.
  static let shortText = """
    CREATE VIEW ledger_entries
      (id, at, transfer_id, account, currency, amount_micros, kind, source_id) AS
    WITH a (b) AS (VALUES (\(PublicID.alphabet))),
    sided (id, at, account, amount, kind, source_id) AS (
      SELECT id, at, from_account, -amount, kind, source_id FROM transfers
      UNION ALL
      SELECT id, at, to_account, amount, kind, source_id FROM transfers
    ),
    named (id, at, account, amount, kind, source_id, text, name) AS (
      SELECT id, at, account, amount, kind, source_id,
        \(PublicID.digits(of: "id", in: "b")), \(accountName("account"))
      FROM a CROSS JOIN sided
    )
    SELECT
      '\(RowKind.entry.rawValue)_' || named.text || '-' || named.name,
      strftime('%Y-%m-%dT%H:%M:%fZ', named.at / 1000.0, 'unixepoch'),
      '\(RowKind.transfer.rawValue)_' || named.text, named.name, wallets.currency, named.amount,
      CASE named.kind \(cases { "'\($0.name)'" }) END,
      CASE named.kind \(cases(sourcePrefix)) END
        || \(PublicID.digits(of: "named.source_id", in: "a.b"))
    FROM a CROSS JOIN named CROSS JOIN wallets
    LEFT JOIN usage_events ON usage_events.id = named.source_id;

    """

  private static func accountName(_ column: String) -> String {
    "CASE \(column) "
      + LedgerAccount.allCases.map { "WHEN \($0.rawValue) THEN '\($0.name)' " }.joined() + "END"
  }

  private static func cases(_ value: (TransferKind) -> String) -> String {
    TransferKind.allCases.map { "WHEN \($0.rawValue) THEN \(value($0))" }.joined(separator: " ")
  }

  private static func source(_ kind: TransferKind) -> String {
    guard kind.sourceKind == .usageEvent else {
      return PublicID.sql("sided.source_id", kind.sourceKind)
    }
    let message = PublicID.sql("sided.source_id", .message)
    let other = PublicID.sql("sided.source_id", .usageEvent)
    return "CASE WHEN usage_events.kind = 1 THEN \(message) ELSE \(other) END"
  }

  private static func sourcePrefix(_ kind: TransferKind) -> String {
    func prefix(_ kind: RowKind) -> String { "'\(kind.rawValue)_'" }
    guard kind.sourceKind == .usageEvent else { return prefix(kind.sourceKind) }
    return "iif(usage_events.kind = 1, \(prefix(.message)), \(prefix(.usageEvent)))"
  }
}
