import ArgumentParser
import Chaos

/// The modes that break the disk under one process's storage.
struct PowerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "power",
    abstract: "Power losses: unsynced writes lost, torn at 512 bytes and reordered.")
  @OptionGroup var options: ChaosOptions

  func run() async throws {
    let options = options
    try await options.run("power") {
      await PowerMode().run(cycles: options.cycles, seed: options.seed, say: $0)
    }
  }
}

struct IOCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "io", abstract: "The k-th call of journal or SQLite fails, once or for good.")
  @OptionGroup var options: ChaosOptions

  func run() async throws {
    let options = options
    try await options.run("io") {
      await IOMode().run(cycles: options.cycles, seed: options.seed, say: $0)
    }
  }
}

struct CorruptCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "corrupt",
    abstract: "A journal spoiled between two runs: flipped, cut, doubled, swapped, another's.")
  @OptionGroup var options: ChaosOptions

  func run() async throws {
    let options = options
    try await options.run("corrupt") {
      await CorruptMode().run(cycles: options.cycles, seed: options.seed, say: $0)
    }
  }
}
