import ArgumentParser
import Chaos

/// Damages the journal at rest.
struct CorruptCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "corrupt", abstract: "Damage the journal at rest and throw tenants' files away.")
  @OptionGroup var options: ChaosOptions

  func run() async throws {
    try await options.run(.corrupt) { say in
      try await CorruptChaos(cycles: options.cycles, seed: options.seed, note: say).run()
    }
  }
}

/// Takes the power away.
struct PowerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "power", abstract: "Lose the power under load and while recovering.")
  @OptionGroup var options: ChaosOptions

  func run() async throws {
    try await options.run(.power) { say in
      try await PowerChaos(cycles: options.cycles, seed: options.seed, note: say).run()
    }
  }
}

/// Lets calls of the journal's file system fail.
struct IOCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "io", abstract: "Let one of the journal's I/O calls fail, once or for good.")
  @OptionGroup var options: ChaosOptions

  func run() async throws {
    try await options.run(.io) { say in
      try await IOChaos(cycles: options.cycles, seed: options.seed, note: say).run()
    }
  }
}
