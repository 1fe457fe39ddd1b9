import ArgumentParser

/// The benches of `tools/bench`: each prints one JSON object per figure.
@main struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measures Aimstors against a named reference in one run.",
    subcommands: [
      CommitBench.self, HTTPBench.self, FairnessBench.self, JournalBench.self, MessagingBench.self,
      WebhookBench.self, IdleBench.self, GrowthBench.self, RecoveryBench.self,
      RestoreBench.self, MoveBench.self, IdentityBench.self, ReplicationBench.self,
      ReplicationBench.Follow.self, MapBench.self,
      MessagingBench.Serve.self, Hello.self,
    ])
}
