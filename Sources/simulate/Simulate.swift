import ArgumentParser
import Simulation

/// `tools/simulate`: seeded runs of the roles on a simulated network, disk and clock.
@main struct Simulate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Runs the system's machines under faults drawn from seeds.")
}
