import Testing

@testable import aimstors

@Suite("Systemd units of a topology") struct ServiceUnitTests {
  private static let yaml = """
    version: 1
    name: production
    region: eu
    control_plane: {id: plane, machine: edge, port: 7001, publish_port: 7002, health_port: 7003}
    routers:
      - {id: r1, machine: edge, http_port: 8080, health_port: 7013}
    cells:
      - id: c1
        machine: a
        port: 7101
        publish_port: 7102
        health_port: 7103
        limits: {memory_mb: 4096, cpu_percent: 150, open_files: 20000}
        followers:
          - {id: c1-b, machine: b, port: 7111, health_port: 7113}
      - {id: c2, machine: a, port: 7201, publish_port: 7202, health_port: 7203}
    archive: {directory: /archive}
    graph:
      url: https://graph.facebook.com
    """

  private func units(_ machine: String, _ yaml: String = yaml) throws -> [ServiceUnit] {
    try UnitsCommand.units(
      try Topology(yaml: yaml, file: "t"), machine: machine, paths: .init(),
      tokens: ["c2": "secret"])
  }

  @Test func `each cell has its own user, directory and limits`() throws {
    let units = try units("a")
    #expect(units.map(\.name) == ["aimstors-c1", "aimstors-c2"])
    let text = units[0].text
    for line in [
      "User=aimstors-c1", "StateDirectory=aimstors/cells/c1", "MemoryMax=4096M",
      "CPUQuota=150%", "LimitNOFILE=20000",
      "ExecStart=/usr/local/bin/aimstors cell run --config %d/config.json",
      "LoadCredential=config.json:/etc/aimstors/c1.json",
      "LoadCredential=archive.key:/etc/aimstors/keys/archive.key",
    ] {
      #expect(text.split(separator: "\n").contains(Substring(line)), "\(line)")
    }
    let other = units[1].text
    #expect(!other.contains("MemoryMax") && other.contains("LimitNOFILE=65536"))
    #expect(units.map(\.userLine).allSatisfy { $0.hasPrefix("u aimstors-c") })
  }

  @Test func `a configuration names its keys where the service finds them, and the token once`()
    throws
  {
    let units = try units("a")
    let json = units[1].configuration
    #expect(
      json["deployment_key_file"]?.string == "/run/credentials/aimstors-c2.service/deployment.key")
    #expect(json["key_file"]?.string == "/run/credentials/aimstors-c2.service/sealing.key")
    #expect(json["data_directory"]?.string == "/var/lib/aimstors/cells/c2")
    #expect(json["join_token"]?.string == "secret")
    #expect(units[0].configuration["join_token"] == nil)
  }

  @Test func `a follower has what its cell has`() throws {
    let unit = try #require(try units("b").first)
    #expect(unit.text.contains("aimstors follower --config") && unit.text.contains("CPUQuota=150%"))
  }

  @Test func `ports that are any, and machines that are none, are refused`() throws {
    #expect { try units("a", Self.yaml.replacing("port: 7201, ", with: "")) } throws: {
      ($0 as? CommandFailure)?.code == "ports_not_fixed"
    }
    #expect(throws: CommandFailure.self) { try units("nowhere") }
  }
}
