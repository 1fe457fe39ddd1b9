import GraphSimulator

/// Plans the processes of cells: each one's own and its followers', with what they are told.
struct CellPlanner {
  let topology: Topology
  let machine: String
  let dataDirectory: String
  let secrets: LocalSecrets
  let graphURL: String
  /// What every process of the deployment is told.
  let basic: JSON

  private struct Replica {
    let id: String
    let machine: String
    let address: String
    let healthPort: Int
  }

  private var scheme: String { topology.tls == nil ? "tcp" : "tls+tcp" }

  /// Those of this machine.
  func processes(of cell: Topology.Cell, _ ports: inout PortPlan) -> [ProcessPlan] {
    let replicas = replicas(of: cell, &ports)
    let publish = "\(scheme)://\(cell.host):\(ports.take(cell.publishPort))"
    return replicas.filter { $0.machine == machine }.map { replica in
      let directory = "\(dataDirectory)/cells/\(replica.id)"
      return ProcessPlan(
        role: replica.id == cell.id ? .cell : .follower, id: replica.id,
        dataDirectory: directory, healthURL: "http://127.0.0.1:\(replica.healthPort)",
        configuration: basic.with("id", JSON(replica.id))
          .with("tls", topology.tls?.json(of: replica.id)).with("region", JSON(cell.region))
          .with("data_directory", JSON(directory)).with("listen", JSON(replica.address))
          .with("advertise", JSON(replica.address)).with("graph_url", JSON(graphURL))
          .with("health_port", JSON(replica.healthPort))
          .with("releases", JSON(dataDirectory + "/releases"))
          .with("mail", topology.mail?.json)
          .with("publish", replica.id == cell.id ? JSON(publish) : nil)
          .with("replication", Self.replication(cell, replica.id, replicas))
          .with(
            "archive",
            topology.archive?.json(
              keyFile: secrets.archiveKeyFile, dataDirectory: dataDirectory)))
    }
  }

  /// The cell's own process and its followers, each with its ports.
  private func replicas(of cell: Topology.Cell, _ ports: inout PortPlan) -> [Replica] {
    let own = Topology.Follower(
      id: cell.id, machine: cell.machine, host: cell.host, port: cell.port,
      healthPort: cell.healthPort)
    var replicas: [Replica] = []
    for one in [own] + cell.followers {
      let port = ports.take(one.port)
      replicas.append(
        Replica(
          id: one.id, machine: one.machine, address: "\(scheme)://\(one.host):\(port)",
          healthPort: ports.take(one.healthPort)))
    }
    return replicas
  }

  /// What each replica is told of the others; nil for a cell with one copy.
  private static func replication(
    _ cell: Topology.Cell, _ id: String, _ replicas: [Replica]
  ) -> JSON? {
    guard !cell.followers.isEmpty else { return nil }
    return [
      "cell": JSON(cell.id), "mode": JSON(cell.mode),
      "on_lost_follower": JSON(cell.onLostFollower),
      "ack_deadline_ms": JSON(cell.ackDeadlineMilliseconds),
      "peers": .array(
        replicas.filter { $0.id != id }.map {
          ["replica": JSON($0.id), "address": JSON($0.address)]
        }),
    ]
  }
}

extension Topology.TLS {
  /// What a process is told of its certificate.
  func json(of id: String) -> JSON {
    [
      "authority": JSON(authority),
      "certificate_and_key": JSON(certificateAndKey.replacing("{id}", with: id)),
    ]
  }
}
