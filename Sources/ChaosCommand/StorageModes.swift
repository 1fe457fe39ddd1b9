import ArgumentParser
import Chaos

/// Damages the journal at rest.
struct Corrupt: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Damage the journal at rest and throw tenants' files away.")
  @OptionGroup var options: ChaosOptions

  func run() async throws {
    try await options.report {
      try await CorruptChaos(
        cycles: options.cycles, seed: options.seed, note: ChaosOptions.note
      ).run()
    }
  }
}

/// Takes the power away.
struct Power: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lose the power under load and while recovering.")
  @OptionGroup var options: ChaosOptions

  func run() async throws {
    try await options.report {
      try await PowerChaos(
        cycles: options.cycles, seed: options.seed, note: ChaosOptions.note
      ).run()
    }
  }
}

/// Lets calls of the journal's file system fail.
struct IO: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "io", abstract: "Let one of the journal's I/O calls fail, once or for good.")
  @OptionGroup var options: ChaosOptions

  func run() async throws {
    try await options.report {
      try await IOChaos(cycles: options.cycles, seed: options.seed, note: ChaosOptions.note).run()
    }
  }
}
