import ArgumentParser
import Chaos

/// A mode that breaks the disk under one process's storage.
struct StorageCommand<Way: StorageMode>: AsyncParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(commandName: Way.name, abstract: Way.summary)
  }
  @OptionGroup var options: ChaosOptions

  func run() async throws {
    guard let mode = Mode(rawValue: Way.name) else {
      preconditionFailure("\(Way.name) is no mode of the command line")
    }
    try await options.run(mode) {
      await StorageChaos<Way>(cycles: options.cycles, seed: options.seed, say: $0).run()
    }
  }
}

typealias CorruptCommand = StorageCommand<CorruptMode>
typealias PowerCommand = StorageCommand<PowerMode>
typealias IOCommand = StorageCommand<IOMode>
