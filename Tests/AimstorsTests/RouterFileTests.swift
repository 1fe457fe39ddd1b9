import Edge
import Foundation
import Router
import Testing

@testable import aimstors

@Suite("A router's configuration file") struct RouterFileTests {
  private static let topology = """
    version: 1
    control_plane: {id: plane}
    routers:
      - {id: r1, http_port: 8080}
    cells:
      - {id: c1}
    graph:
      simulator: {numbers: 8}
    """

  /// Reads a router's file with these lines besides what every file has.
  private func router(_ lines: String) throws -> RouterConfiguration {
    let directory = NSTemporaryDirectory() + "router-file-" + UUID().uuidString
    try PrivateFile.createDirectory(directory)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let key = directory + "/key"
    try PrivateFile.write(Array(String(repeating: "ab", count: 32).utf8), to: key)
    let node = try ConfigurationNode(
      yaml: """
        id: r1
        deployment_key_file: \(key)
        data_directory: \(directory)
        control_plane: tcp://127.0.0.1:1
        control_plane_publications: tcp://127.0.0.1:2
        \(lines)
        """, file: "r1.yaml")
    return try RouterConfiguration(node, try RoleFiles(node))
  }

  /// What `up` and `units` write for the router of a topology that says this of it.
  private func written(_ words: String) throws -> [String] {
    let topology = try Topology(
      yaml: Self.topology.replacing("http_port: 8080", with: "http_port: 8080\(words)"),
      file: "t.yaml")
    var ports = PortPlan(free: Array(20_000..<20_000 + PortPlan.wanted(by: topology)))
    let plan = DeploymentPlan(
      topology, machine: "local", dataDirectory: "/d", secrets: .sample, ports: &ports,
      httpPort: nil, outsideGraph: nil)
    let process = try #require(plan.processes.first { $0.role == .router })
    func list(_ key: String) -> String {
      guard let entries = process.configuration[key]?.array else { return "none" }
      return entries.compactMap(\.string).joined(separator: " ")
    }
    return ["trusted_proxies", "unlimited_addresses"].map(list)
  }

  @Test func `proxies and unlimited addresses are read, and have defaults`() throws {
    let silent = try router("")
    #expect(silent.trustedProxies.isEmpty)
    #expect(silent.unlimitedAddresses == RouterConfiguration.ownAddresses)
    let told = try router(
      """
      trusted_proxies: [10.0.0.0/8, 192.0.2.7, "fd00::/8"]
      unlimited_addresses: []
      """)
    #expect(told.trustedProxies.map(\.text) == ["10.0.0.0/8", "192.0.2.7", "fd00::/8"])
    #expect(told.unlimitedAddresses.isEmpty)
  }

  private static let tooMany =
    "[" + Array(repeating: "10.0.0.1", count: 65).joined(separator: ",") + "]"

  @Test(arguments: [
    ("[10.0.0.0/33]", "configuration_out_of_range"),
    ("[proxy.internal]", "configuration_out_of_range"),
    ("[\"10.0.0.1:80\"]", "configuration_out_of_range"),
    ("[\"\"]", "configuration_out_of_range"), (Self.tooMany, "configuration_out_of_range"),
    ("10.0.0.1", "configuration_wrong_type"), ("[[10.0.0.1]]", "configuration_wrong_type"),
  ])
  func `what is no list of addresses is refused by key, place and code`(
    list: String, code: String
  ) {
    for key in ["trusted_proxies", "unlimited_addresses"] {
      do {
        _ = try router("\(key): \(list)")
        Issue.record("accepted \(key): \(list)")
      } catch let error as ConfigurationError {
        #expect(error.code.rawValue == code && error.line == 6)
        #expect(error.failure.detail.contains(key))
      } catch {
        Issue.record("\(error)")
      }
      #expect {
        try Topology(
          yaml: Self.topology.replacing("http_port: 8080", with: "\(key): \(list)"), file: "t")
      } throws: {
        ($0 as? ConfigurationError)?.code.rawValue == code
      }
    }
  }

  /// A router of a version that does not know the keys refuses a file that has them.
  @Test func `a topology's lists reach its routers, and nothing is written where nothing is said`()
    throws
  {
    #expect(try written("") == ["none", "none"])
    let told = try written(
      #", trusted_proxies: [10.0.0.0/8, "::1"], unlimited_addresses: []"#)
    #expect(told == ["10.0.0.0/8 ::1", ""])
  }
}
