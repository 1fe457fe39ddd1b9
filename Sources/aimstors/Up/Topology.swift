import Edge

/// Which processes a deployment has: one versioned file, shared by all hosts.
///
/// The format is in `topology/README.md`.
struct Topology: Hashable {
  /// The limits of a topology.
  enum Limits {
    static let fileBytes = 1 << 20
    static let cells = 1...64
    static let routers = 1...16
    /// Of one cell.
    static let followers = 1...4
    static let ackDeadlineMilliseconds = 100...60_000
    static let simulatedNumbers = 4...20_000
    static let port = 0...65_535
    static let memoryMegabytes = 256...4_194_304
    static let cpuPercent = 10...100_000
    static let openFiles = 1_024...4_194_304
  }

  /// The three base hosts of a domain.
  struct Hosts: Hashable {
    let domain: String
    var app: String { "app." + domain }
    var api: String { "api." + domain }
    var admin: String { "admin." + domain }
  }

  struct ControlPlane: Hashable {
    let id: String
    let machine: String
    let host: String
    let port: Int
    let publishPort: Int
    let healthPort: Int
  }

  struct Cell: Hashable {
    let id: String
    let machine: String
    let region: String
    let host: String
    let port: Int
    /// Where security events are published.
    var publishPort = 0
    let healthPort: Int
    /// Other copies of the cell, on other machines where the deployment has several.
    var followers: [Follower] = []
    /// `local` or `follower`: whose fsync an answer waits for.
    var mode = "local"
    /// `degrade` or `fail`: what becomes of writes while a follower is away.
    var onLostFollower = "degrade"
    var ackDeadlineMilliseconds = 5_000
    /// What the operating system lets the cell's process have, where it runs as a service.
    var limits = ProcessLimits()
  }

  /// Limits of one process; nil: the operating system's.
  struct ProcessLimits: Hashable {
    var memoryMegabytes: Int?
    /// Hundredths of one core.
    var cpuPercent: Int?
    var openFiles = 65_536
  }

  struct Follower: Hashable {
    let id: String
    let machine: String
    let host: String
    let port: Int
    let healthPort: Int
  }

  struct Router: Hashable {
    let id: String
    let machine: String
    let httpHost: String
    let httpPort: Int
    let healthPort: Int
    /// Proxies before the router, such as what ends TLS, whose `X-Forwarded-For` it believes.
    ///
    /// Nil, here and below: not said, and not written for a router of an older version, which would
    /// not know the key.
    var trustedProxies: [NetworkRange]?
    /// Clients without a rate.
    var unlimitedAddresses: [NetworkRange]?
  }

  struct Simulator: Hashable {
    let id: String
    let machine: String
    let port: Int
    let numbers: Int
    /// Whether templates that nobody registered there are taken for approved.
    let acceptsUnknownTemplates: Bool
  }

  enum Graph: Hashable {
    case simulator(Simulator)
    case outside(url: String)
  }

  /// Where the certificates of a deployment over several hosts lie.
  struct TLS: Hashable {
    let authority: String
    /// A process's certificate and its key in one file; `{id}` stands for the process.
    let certificateAndKey: String
  }

  let name: String
  let region: String
  let hosts: Hosts
  let controlPlane: ControlPlane
  let cells: [Cell]
  let routers: [Router]
  let graph: Graph
  let tls: TLS?
  /// Where cells archive to; nil: nowhere.
  let archive: ArchiveSettings?
  /// How letters leave; nil: as files beside each cell's data.
  let mail: MailSettings?
  /// Whether two demonstration tenants are made.
  let demo: Bool

  /// The ids of all processes; each is one process's.
  var processIDs: Set<String> {
    var all: Set<String> = [controlPlane.id]
    all.formUnion(cells.map(\.id) + routers.map(\.id))
    all.formUnion(cells.flatMap { $0.followers.map(\.id) })
    if case .simulator(let simulator) = graph { all.insert(simulator.id) }
    return all
  }

  /// Whether cells may be added beside the file's: on one machine, where nothing needs a
  /// certificate of its own and every process is reached at the same host.
  var takesMoreCells: Bool { machines.count == 1 && tls == nil }

  /// All machines that the file names, sorted.
  var machines: [String] {
    var all: Set<String> = [controlPlane.machine]
    all.formUnion(cells.map(\.machine) + routers.map(\.machine))
    all.formUnion(cells.flatMap { $0.followers.map(\.machine) })
    if case .simulator(let simulator) = graph { all.insert(simulator.machine) }
    return all.sorted()
  }
}
