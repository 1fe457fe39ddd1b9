import Foundation
import GraphSimulator
import Messaging
import Platform
import Testing
import Trust
import Wire

@testable import aimstors

/// Takes more than a minute, which is how long a window is: only with `AIMSTORS_LONG_TESTS=1`.
@Suite(
  .serialized, .enabled(if: ProcessInfo.processInfo.environment["AIMSTORS_LONG_TESTS"] == "1"))
struct SecurityEventLiveTests {
  @Test(.timeLimit(.minutes(10))) func `a cell publishes what it stores`() async throws {
    try await LiveSystem.with { system in
      let local = try system.local()
      let demo = try #require(local["demo"]?[0])
      let cell = demo.cell("cell")
      let file = try PrivateFile.read("\(system.data)/run/\(cell).json") ?? []
      let publish = try #require(try JSON(parsing: file)["publish"]?.string)
      let bytes = try KeyFile.require("\(system.data)/keys/deployment.key")
      let messenger = NNGMessenger(
        identity: PeerIdentity(role: .tool, id: "test", generation: .first),
        key: try #require(DeploymentKey(bytes)), tls: nil, random: LiveRandomSource())
      let events = try await messenger.subscribe(
        to: Address(publish), topics: [.securityEvents])
      for _ in 0..<3 {
        _ = try await HTTPCaller().call(
          "GET", (local["url"]?.string ?? "") + "/v1/contacts", host: "api.localhost",
          headers: [("authorization", "Bearer \(demo["api_key"]?.string ?? "")")])
      }
      var found: SecurityEvent?
      for await publication in events {
        guard let event = SecurityEvent(json: publication.payload) else {
          Issue.record("not an event")
          break
        }
        guard event.principalKind == .apiKey, event.tenant.rawValue == demo.cell("tenant_id")
        else { continue }
        found = event
        break
      }
      #expect((found?.features.requests ?? 0) >= 3)
      await messenger.close()
    }
  }
}
