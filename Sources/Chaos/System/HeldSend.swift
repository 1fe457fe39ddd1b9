import GraphSimulator

/// A message that Graph has accepted and not answered yet: who dies now does not know what became
/// of it.
///
/// Without it a mode would have to be lucky to kill a process in just that moment.
struct HeldSend {
  /// Longer than a restart takes on a busy machine: whoever hears a status knows what became of it.
  static let replyMilliseconds = 6_000
  static let statusMilliseconds = 20_000
  /// What is on its way under the usual delays has its answer by then.
  static let usual: Duration = .milliseconds(500)
  static let waitSeconds = 60

  let client: SystemClient
  /// The usual faults of the simulator.
  let faults: JSON

  /// Keeps back Graph's answers from here on, and returns when one of the tenant's messages waits
  /// for its own.
  func hold(_ tenant: ChaosTenant) async throws {
    var members = (faults.members ?? []).filter {
      !["reply_delay_ms", "delay_ms"].contains($0.name)
    }
    for (name, value) in [
      ("reply_delay_ms", Self.replyMilliseconds), ("delay_ms", Self.statusMilliseconds),
    ] {
      members.append(JSON.Member(name, [JSON(value), JSON(value)]))
    }
    _ = try await client.simulator("PUT", "faults", .object(members))
    try await Task.sleep(for: Self.usual)
    try await wait("a message of \(tenant.name) waits for Graph", seconds: Self.waitSeconds) {
      let sending = try await client.api(
        tenant.apiKey, "GET", "/v1/messages?status=sending&limit=1")
      return sending["data"]?.array?.isEmpty == false
    }
    try await Task.sleep(for: Self.usual)
  }

  func end() async throws { _ = try await client.simulator("PUT", "faults", faults) }
}
