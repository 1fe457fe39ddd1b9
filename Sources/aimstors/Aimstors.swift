import ArgumentParser

/// The one executable: a subcommand per role and per verb of an operator.
@main
struct Aimstors: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "aimstors",
    abstract: "A sharded WhatsApp platform: its processes, and the verbs of its operators.",
    discussion: """
      Exit codes: 0 done, 1 refused, 2 usage, 3 verification failed, 4 timed out.
      Every verb takes --json and prints the API's object as the last line.
      """,
    version: Build.version,
    groupedSubcommands: [
      CommandGroup(
        name: "System", subcommands: [UpCommand.self, StatusCommand.self, SmokeCommand.self]),
      CommandGroup(
        name: "Verbs",
        subcommands: [
          OperatorCommand.self, AlertCommand.self, ImpersonationCommand.self, UserCommand.self,
          TenantCommand.self,
          KeyCommand.self, SealingKeyCommand.self, ArchiveKeyCommand.self,
          NumberCommand.self, PriceCommand.self, WalletCommand.self, TemplateCommand.self,
          CampaignCommand.self,
          MessageCommand.self, MetaAppCommand.self, QuarantineCommand.self,
          OperationCommand.self, SendStopCommand.self, CellCommand.self,
          JournalCommand.self, CertificateCommand.self, AuditCommand.self, RestoreCommand.self,
          DrillCommand.self, RebalanceCommand.self,
        ]),
      CommandGroup(
        name: "Roles (one process each; `up` starts them)",
        subcommands: [
          RouterRunCommand.self, ControlPlaneCommand.self, FollowerRunCommand.self,
          UnitsCommand.self,
          GraphSimulatorCommand.self, BuildCommand.self,
        ]),
    ])

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let error as CommandFailure {
      error.show()
      exitProcess(error.exitCode)
    } catch {
      if let failure = CommandFailure(inUse: error) {
        failure.show()
        exitProcess(failure.exitCode)
      }
      // Help and version are no failures; everything else the parser throws is a wrong call.
      let code = exitCode(for: error)
      let message = fullMessage(for: error, columns: nil)
      guard code.rawValue != 0 else {
        if !message.isEmpty { Console.out(message) }
        exitProcess(.done)
      }
      Console.error(message.isEmpty ? String(describing: error) : message)
      exitProcess(code == .validationFailure ? .usage : .refused)
    }
  }
}
