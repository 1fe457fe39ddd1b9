import Alerts
import Storage

/// Where a tenant's alerts go, and how far they went.
enum AlertChannelsSchema {
  static let part = SchemaPart(
    tables: [TableDefinition(id: 64, file: .sessions, name: "alert_channels")],
    steps: [
      SchemaStep("alert-channels-1", file: .sessions, ddl: AlertChannelsStore.ddl)
    ])
}
