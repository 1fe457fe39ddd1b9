import ArgumentParser
import Foundation

/// `POST /v1/messages` through router, messaging and cell, beside a bare Hummingbird "hello".
struct HTTPBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "http", abstract: "Requests per second, the router's hop, CPU per request.")

  static let tenants = 100
  static let connections = [64, 128]

  @OptionGroup var repository: Repository

  func run() async throws {
    let system = try await SystemUnderTest.start(
      repository, topology: "Benchmarks/http/topology.yaml")
    defer { system.stop() }
    progress("http: making \(Self.tenants) tenants")
    // Nothing is sent while this runs: the figures are of the request's path alone.
    try await system.client.admin("PUT", "/v1/send-stops/platform/all", ["reason": "bench"])
    let tenants = try await BenchTenant.create(count: Self.tenants, system.client)
    let wrk = try Wrk(repository, system, tenants)

    var ours: [Double] = []
    var hello: [Double] = []
    var router: [Double] = []
    var cell: [Double] = []
    var facts: [String: Any] = [:]
    for repetition in 1...repository.repetitions {
      var best = 0.0
      var cpu = (router: 0.0, cell: 0.0)
      for connections in Self.connections {
        progress("http \(repetition)/\(repository.repetitions): \(connections) connections")
        let (routerPID, cellPID) = (try system.pid(of: "router"), try system.pid(of: "cell"))
        _ = try wrk.run(connections: connections, seconds: max(1, repository.seconds / 4))
        let before = (
          try Program.cpuMicroseconds(of: routerPID), try Program.cpuMicroseconds(of: cellPID)
        )
        let result = try wrk.run(connections: connections, seconds: repository.seconds)
        let requests = result["requests"] as? Double ?? 0
        let rate = requests / max(0.001, result["seconds"] as? Double ?? 0)
        guard (result["status_errors"] as? Double ?? 0) == 0 else {
          throw BenchFailure("requests were refused: \(result)")
        }
        if rate > best {
          best = rate
          facts = result
          facts["connections"] = connections
          cpu = (
            (try Program.cpuMicroseconds(of: routerPID) - before.0) / requests,
            (try Program.cpuMicroseconds(of: cellPID) - before.1) / requests
          )
        }
      }
      router.append(cpu.router)
      cell.append(cpu.cell)
      ours.append(best)
      hello.append(try self.hello())
    }
    Row(
      name: "http.hello", value: median(ours), unit: "requests/s", baseline: median(hello),
      facts: facts
    ).write()
    Row(name: "http.router_cpu_us", value: median(router), unit: "us").write()
    Row(name: "http.cell_cpu_us", value: median(cell), unit: "us").write()
    let hop = HopBench(system: system, tenants: tenants, perSecond: median(ours) / 4)
    let bare = try HelloServer(repository)
    defer { bare.stop() }
    for row in try await hop.run(seconds: repository.seconds, beside: bare) { row.write() }
  }

  /// The better of 64 and 128 connections to a bare server.
  private func hello() throws -> Double {
    let server = try HelloServer(repository)
    defer { server.stop() }
    return try Self.connections.map { connections in
      let output = try Program.output(
        Wrk.path,
        [
          "-t", "1", "-c", "\(connections)", "-d", "\(max(2, repository.seconds / 4))s",
          server.url,
        ])
      guard
        let line = output.split(separator: "\n").first(where: { $0.hasPrefix("Requests/sec:") }),
        let value = line.split(separator: " ").last.flatMap({ Double($0) })
      else { throw BenchFailure("wrk's answer could not be read") }
      return value
    }.max() ?? 0
  }
}
