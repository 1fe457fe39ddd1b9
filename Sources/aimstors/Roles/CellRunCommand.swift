import ArgumentParser
import Cell
import Cryptography
import Messaging
import Storage
import Wire

/// Runs one cell as one process.
struct CellRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "run", abstract: "Run one cell.")

  @OptionGroup var options: RoleOptions

  func run() async throws { try await ReplicaProcess(options, startsAs: .primary).run() }
}

extension CellConfiguration {
  /// Reads a cell's file.
  ///
  /// Keys besides ``RoleFiles/keys``: region, listen, advertise, graph_url, join_token,
  /// replication, archive, mail, publish.
  init(_ node: ConfigurationNode, _ files: RoleFiles, _ replica: ReplicaState) throws {
    try node.allow(
      RoleFiles.keys.union([
        "region", "listen", "advertise", "graph_url", "join_token", "replication",
        "archive", "mail", "publish",
      ]))
    let replication = try node.child("replication")
    let name = try replication?.string("cell") ?? files.id
    guard let id = CellID(name), let region = RegionID(try node.string("region")) else {
      throw node.error(.outOfRange, "region", "and id must be 1 to 64 of a-z A-Z 0-9 _ -")
    }
    let joinToken = try node.string("join_token", default: "")
    self.init(
      id: id, region: region, dataDirectory: try node.string("data_directory"),
      listen: Address(try node.string("listen")),
      advertise: try node.string("advertise", default: ""),
      controlPlane: Address(try node.string("control_plane")),
      joinToken: joinToken.isEmpty ? nil : joinToken, graphURL: try node.string("graph_url"),
      keys: KeyRing(try SealingKeyFile.require(try node.string("key_file"))),
      healthPort: files.healthPort, version: files.version,
      replication: try replication.map { (node) throws(ConfigurationError) in
        try ReplicationConfiguration(node, replica: files.id)
      }, replica: replica)
    let publications = try node.string("publish", default: "")
    publish = publications.isEmpty ? nil : Address(publications)
  }
}
