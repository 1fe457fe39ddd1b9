import ArgumentParser
import Chaos
import CommandExit

/// `tools/chaos MODE`: breaks a system on purpose and proves that nothing acknowledged is lost.
@main struct ChaosCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chaos", abstract: "Breaks a system on purpose and checks what is left.",
    subcommands: [
      KillCommand.self, PromoteCommand.self, MoveCommand.self, HostileCommand.self,
      DiskFullCommand.self, CorruptCommand.self, PowerCommand.self, IOCommand.self,
      RestoreCommand.self, ArchiveCommand.self, RefreshCommand.self, UpgradeCommand.self,
      StaticCommand.self, PartitionCommand.self, ControlPlaneCommand.self, DrainCommand.self,
      TakeoverCommand.self,
    ])

  static func main() async { await runAndExit() }
}
