import Foundation
import Testing

@testable import aimstors

/// Where `up` reaches the control plane, and in whose name.
@Suite struct AdminAccessTests {
  private func choose(
    given: String? = nil, router: String? = nil, token: String? = nil, stored: String? = nil,
    mayMakeFirst: Bool = false
  ) throws(CommandFailure) -> AdminAccess {
    try AdminAccess.choose(
      given: given, router: router, token: token, stored: stored, mayMakeFirst: mayMakeFirst)
  }

  @Test func `this machine's router wins over an address, a given token over the stored one`()
    throws
  {
    #expect(
      try choose(router: "http://r", stored: "s") == AdminAccess(url: "http://r", token: "s"))
    #expect(
      try choose(given: "http://g", router: "http://r", token: "t", stored: "s")
        == AdminAccess(url: "http://r", token: "t"))
    #expect(
      try choose(given: "http://g", token: "t") == AdminAccess(url: "http://g", token: "t"))
  }

  @Test func `without an address or an operator the variable to set is named`() {
    let nowhere = #expect(throws: CommandFailure.self) {
      _ = try choose(token: "t", mayMakeFirst: true)
    }
    #expect(nowhere?.code == "no_address" && nowhere?.exitCode == .usage)
    #expect(nowhere?.detail.contains("AIMSTORS_ADMIN_URL") == true)
    let nobody = #expect(throws: CommandFailure.self) { _ = try choose(given: "http://g") }
    #expect(nobody?.code == "no_operator" && nobody?.exitCode == .usage)
    #expect(nobody?.detail.contains("AIMSTORS_ADMIN_TOKEN") == true)
  }

  @Test func `only a machine with the control plane or a router makes the first operator`() throws {
    #expect(
      try choose(router: "http://r", mayMakeFirst: true)
        == AdminAccess(url: "http://r", token: nil))
  }

  @Test func `an address is taken without its slash, and refused where it is none`() throws {
    func address(_ text: String?) throws(CommandFailure) -> String? {
      try AdminAccess.address(
        Environment(variables: text.map { ["AIMSTORS_ADMIN_URL": $0] } ?? [:]))
    }
    #expect(try address(nil) == nil)
    #expect(try address("http://10.0.0.10:8080/") == "http://10.0.0.10:8080")
    #expect(try address("https://admin.example.com") == "https://admin.example.com")
    for text in ["10.0.0.10:8080", "http://", "ftp://admin.example.com"] {
      let failure = #expect(throws: CommandFailure.self) { _ = try address(text) }
      #expect(failure?.code == "invalid_url" && failure?.exitCode == .usage, "\(text)")
    }
  }

  @Test(arguments: [
    ("127.0.0.1", "http://127.0.0.1:80"), ("10.0.0.10", "http://10.0.0.10:80"),
    ("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://127.0.0.1:80"),
    ("fd00::1", "http://[fd00::1]:80"), ("[fd00::1]", "http://[fd00::1]:80"),
    ("edge.example.com", "http://edge.example.com:80"),
  ])
  func `a router is reached where it listens`(_ host: String, _ url: String) {
    let router = Topology.Router(
      id: "r", machine: "m", httpHost: host, httpPort: 80, healthPort: 0)
    #expect(router.url(port: 80) == url)
  }

  @Test func `a machine of several knows its own router's address, and no other's`() throws {
    let file = LiveSystem.root.appendingPathComponent("topology/three-hosts.example.yaml")
    let topology = try Topology(
      yaml: String(decoding: try Data(contentsOf: file), as: UTF8.self), file: "t")
    func plan(_ machine: String) -> DeploymentPlan {
      var ports = PortPlan(free: Array(20_000..<20_000 + PortPlan.wanted(by: topology)))
      return DeploymentPlan(
        topology, machine: machine, dataDirectory: "/d", secrets: .sample, ports: &ports,
        httpPort: nil, outsideGraph: nil)
    }
    #expect(plan("edge").url == "http://10.0.0.10:8080")
    #expect(plan("cells-a").url == nil)
    #expect(plan("cells-a").processes.map(\.id) == ["cell-1"])
  }

  @Test func `who refuses the operator is told with what to do`() {
    func failure(_ status: Int, _ code: String) -> BootstrapFailure {
      BootstrapFailure(
        HTTPAnswer(status: status, body: Array(#"{"code":"\#(code)","detail":"why"}"#.utf8)),
        to: "POST /x")
    }
    for (status, code) in [
      (401, "second_factor_required"), (401, "unauthenticated"), (403, "forbidden"),
      (409, "already_done"),
    ] {
      let refused = failure(status, code)
      #expect(!refused.mayPass && refused.failure.code == code)
      #expect(refused.failure.detail.hasPrefix("POST /x: why; "), "\(refused.failure.detail)")
      #expect(refused.failure.detail.contains("AIMSTORS_ADMIN_TOKEN"))
    }
    let wrong = failure(400, "invalid_field")
    #expect(!wrong.mayPass && wrong.failure.detail == "POST /x: why")
    let away = failure(503, "control_plane_unavailable")
    #expect(away.mayPass && away.failure.detail == "POST /x: why")
    let other = BootstrapFailure(HTTPAnswer(status: 502, body: []), to: "GET /y")
    #expect(other.mayPass && other.failure.code == "http_502")
  }
}
