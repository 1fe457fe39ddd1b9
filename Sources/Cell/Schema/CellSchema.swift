import Storage

/// Everything that a tenant's four files hold: one line per context.
///
/// Parts are appended, never reordered: the steps of a file run in this order.
public enum CellSchema {
  public static let schema = StoreSchema(
    files: [
      .sessions: "sessions.sqlite", .ledger: "ledger.sqlite", .messages: "messages.sqlite",
      .workflows: "workflows.sqlite",
    ], parts: parts)

  static let parts: [SchemaPart] = [
    ProfileSchema.part,
    APIKeysSchema.part,
    LedgerSchema.part,
    PricesSchema.part,
    NumbersSchema.part,
    ContactsSchema.part,
    TemplatesSchema.part,
    MessagesSchema.part,
    CampaignsSchema.part,
    WebhooksSchema.part,
    UserSessionsSchema.part,
    SessionTokensSchema.part,
    PeopleSchema.part,
    AuditSchema.part,
    ImpersonatedRowsSchema.part,
    SecurityEventsSchema.part,
    AlertChannelsSchema.part,
  ]
}
