import Edge
import Hummingbird
import Wire

/// One answer to "what is wrong, and since when".
struct StatusReport: ResponseEncodable, Sendable {
  struct Problem: Encodable, Sendable {
    let code: String
    let detail: String
    let since: Timestamp
    let runbook: String
    let cell: String?
    let tenant: String?
  }
  struct Router: Encodable, Sendable {
    let id: String
    let mapVersion: UInt64
    /// Changes since the router last compared its map; it has heard of them by publication.
    let lagVersions: UInt64
    let lastSeenAt: Timestamp

    enum CodingKeys: String, CodingKey {
      case id
      case mapVersion = "map_version"
      case lagVersions = "lag_versions"
      case lastSeenAt = "last_seen_at"
    }
  }
  struct Spool: Encodable, Sendable {
    let cell: String
    let entries: Int
    /// A round looks at a part of the spool only: there may be more.
    let more: Bool
    let oldestAt: Timestamp?

    enum CodingKeys: String, CodingKey {
      case cell, entries, more
      case oldestAt = "oldest_at"
    }
  }
  struct Map: Encodable, Sendable {
    let version: UInt64
    let chunks: Int
    let entries: Int
  }

  let ok: Bool
  let role: String
  let id: String
  let version: String
  let problems: [Problem]
  /// In force: nothing is wrong with them, and nothing is sent where they hold.
  let sendStops: [SendStopView]
  let cells: [CellView]
  let routers: [Router]
  let map: Map
  let spools: [Spool]

  enum CodingKeys: String, CodingKey {
    case ok, role, id, version, problems, cells, routers, map, spools
    case sendStops = "send_stops"
  }
}
