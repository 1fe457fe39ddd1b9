import ArgumentParser
import GraphSimulator

extension TenantCommand {
  struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Restore a tenant from the archive: in its place, or as a fork beside it.")

    @Argument(help: "The tenant's id.") var id: String
    @Option(name: .long, help: "latest, a tenant_seq, SEQ.COMMANDS, or a time (RFC 3339).") var at =
      "latest"
    @Option(name: .long, help: "swap or fork.") var mode = "swap"
    @Option(name: .long, help: "archive, or follower: as far back as its journal reaches.")
    var source = "archive"
    @Flag(name: .long, help: "What has happened since was read, and stays as fact.")
    var accept = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let body: JSON = [
        "at": JSON(at), "mode": JSON(mode), "source": JSON(source), "accept": .bool(accept),
      ]
      let operation = try await api.send(.admin, "POST", "/v1/tenants/\(id)/restores", body)
      try await waiting.show(operation, api)
    }
  }

  struct Fork: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copy a tenant as it was, for support: read-only, marked, never sends.")

    @Argument(help: "The tenant's id.") var id: String
    @Option(name: .long, help: "latest, a tenant_seq, SEQ.COMMANDS, or a time (RFC 3339).") var at =
      "latest"
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let body: JSON = ["at": JSON(at), "mode": "fork", "source": "archive"]
      let operation = try await api.send(.admin, "POST", "/v1/tenants/\(id)/restores", body)
      try await waiting.show(operation, api)
    }
  }

  struct Snapshot: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take a snapshot of a tenant into the archive now.")

    @Argument(help: "The tenant's id.") var id: String
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let operation = try await api.send(.admin, "POST", "/v1/tenants/\(id)/snapshots", [:])
      try await waiting.show(operation, api)
    }
  }
}

struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Restores, and promotions of a copy not proven complete.",
    subcommands: [Show.self, Release.self])

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show a restore, and what waits for its release.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let restore = try await api.send(.admin, "GET", "/v1/restores/\(id)")
      api.show(restore, restore.serialized())
    }
  }

  struct Release: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let what a restore or promotion keeps back be sent.")

    @Argument var id: String
    @Flag(name: .long, help: "Also where what waits could not be counted: it goes out unseen.")
    var accept = false
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let body: JSON = ["accept": .bool(accept)]
      let restore = try await api.send(.admin, "POST", "/v1/restores/\(id)/release", body)
      api.show(restore, "\(restore.cell("released")) messages waited; they are sent now")
    }
  }
}

struct DrillCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drill", abstract: "Restores of every tenant, to know that they work.",
    subcommands: [Now.self])

  struct Now: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Restore every tenant from the archive now and report (exit code 3: one failed).")

    @Option(name: .long, help: "Give up after this many seconds (exit code 4).") var timeout = 3600
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let operation = try await api.send(.admin, "POST", "/v1/drills", [:])
      var waiting = WaitOptions()
      waiting.wait = true
      waiting.timeout = timeout
      try await waiting.show(operation, api)
    }
  }
}
