import ArgumentParser
import Chaos

/// A mode that breaks the disk under one process's storage.
struct StorageCommand<Mode: StorageMode>: AsyncParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(commandName: Mode.name, abstract: Mode.summary)
  }
  @OptionGroup var options: ChaosOptions

  func run() async throws {
    try await options.run(Mode.name) {
      await StorageChaos<Mode>(cycles: options.cycles, seed: options.seed, say: $0).run()
    }
  }
}

typealias CorruptCommand = StorageCommand<CorruptMode>
typealias PowerCommand = StorageCommand<PowerMode>
typealias IOCommand = StorageCommand<IOMode>
