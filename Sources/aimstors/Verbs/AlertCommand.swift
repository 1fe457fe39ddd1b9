import ArgumentParser
import GraphSimulator

/// What people are told of at once, and where it goes.
struct AlertCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "alert", abstract: "Alerts of the platform or a tenant; where the platform's go.",
    subcommands: [List.self, Channels.self, Webhook.self, Email.self, Remove.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List alerts, the newest first.")

    @Option(name: .long, help: "A tenant's; default: the platform's.") var tenant: String?
    @Option(name: .long) var limit = 50
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let alerts = try await api.list(
        .admin, tenant.map { "/v1/tenants/\($0)/alerts" } ?? "/v1/alerts", limit: limit)
      var table = Table("sequence", "at", "action", "by", "subject")
      for alert in alerts {
        table.add(
          alert.cell("sequence"), alert.cell("at"), alert.cell("action"),
          tenant == nil ? alert.cell("operator") : alert.cell("actor"), alert.cell("subject"))
      }
      api.show(["data": .array(alerts), "next_cursor": .null], table.text)
    }
  }

  struct Channels: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show where the platform's alerts go, and how that goes.")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let answer = try await api.send(.admin, "GET", "/v1/alert-channels")
      var table = Table("kind", "url", "addresses", "failures", "last error")
      for channel in answer["data"]?.array ?? [] {
        let addresses = (channel["addresses"]?.array ?? []).compactMap(\.string)
        table.add(
          channel.cell("kind"), channel.cell("url"), addresses.joined(separator: " "),
          channel.cell("failures"), channel.cell("last_error"))
      }
      api.show(answer, table.text)
    }
  }

  struct Webhook: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Post the platform's alerts to a server, signed with a secret of its file.")

    @Option(name: .long, help: "An https address.") var url: String
    @Option(name: .long, help: "A file with 16 to 200 bytes, its line end apart.")
    var secretFile: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      guard let content = try PrivateFile.read(secretFile) else {
        throw CommandFailure(
          .refused, code: "not_found", detail: "there is no file \(secretFile)")
      }
      let secret = String(decoding: content, as: UTF8.self)
        .trimmingSuffix(while: \.isWhitespace)
      let api = try connection.connection()
      let channel = try await api.send(
        .admin, "PUT", "/v1/alert-channels/webhook",
        ["url": JSON(url), "secret": JSON(String(secret))])
      api.show(channel, "alerts are posted to \(channel.cell("url"))")
    }
  }

  struct Email: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Send the platform's alerts by e-mail.")

    @Argument(help: "Up to 20 addresses.") var addresses: [String]
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let channel = try await api.send(
        .admin, "PUT", "/v1/alert-channels/email",
        ["addresses": .array(addresses.map { JSON($0) })])
      api.show(channel, "alerts are sent to \(addresses.joined(separator: ", "))")
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Take a channel away.")

    @Argument(help: "webhook or email.") var kind: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      _ = try await api.send(.admin, "DELETE", "/v1/alert-channels/\(kind)")
      api.show(["kind": JSON(kind), "removed": true], "removed \(kind)")
    }
  }
}
