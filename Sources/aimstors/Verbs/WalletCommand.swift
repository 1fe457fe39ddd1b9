import ArgumentParser
import GraphSimulator

struct WalletCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wallet", abstract: "A tenant's money.",
    subcommands: [TopUp.self, Show.self, Entries.self])

  struct TopUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "top-up", abstract: "Put money into a tenant's wallet.")

    @Argument(help: "The tenant's id.") var tenant: String
    @Option(name: .long, help: "Millionths of the currency unit.") var amountMicros: Int64
    @Option(name: .long) var currency = "USD"
    @Option(name: .long, help: "The payment this stands for.") var reference: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let answer = try await api.send(
        .admin, "POST", "/v1/tenants/\(tenant)/wallet/top-ups",
        [
          "amount_micros": .integer(amountMicros), "currency": JSON(currency),
          "reference": JSON(reference),
        ])
      api.show(answer, WalletCommand.text(answer))
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show a wallet: of --tenant as operator, else of the key's tenant.")

    @Option(name: .long, help: "The tenant's id.") var tenant: String?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let wallet =
        if let tenant {
          try await api.send(.admin, "GET", "/v1/tenants/\(tenant)/wallet")
        } else {
          try await api.send(.api, "GET", "/v1/wallet")
        }
      api.show(wallet, WalletCommand.text(wallet))
    }
  }

  struct Entries: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List ledger entries: of --tenant as operator, else of the key's tenant.")

    @Option(name: .long, help: "The tenant's id.") var tenant: String?
    @Option(name: .long, help: "RFC 3339; from then on.") var from: String?
    @Option(name: .long, help: "RFC 3339; before then.") var to: String?
    @Option(name: .long, help: "At most this many.") var limit = 100
    @Flag(
      name: .long,
      help: "Have a follower of the tenant's cell answer: up to 10 s old, no load for the cell.")
    var readFollower = false
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
      if readFollower, tenant == nil {
        throw ValidationError("--read-follower is for operators: name a --tenant")
      }
    }

    func run() async throws {
      let api = try connection.connection()
      var query = [("from", from), ("to", to)].compactMap { name, time in
        time.map { "\(name)=\($0.replacing("+", with: "%2B"))" }
      }
      if readFollower { query.append("read=follower") }
      let path = (tenant.map { "/v1/tenants/\($0)/wallet/entries" } ?? "/v1/wallet/entries")
      let entries = try await api.list(
        tenant == nil ? .api : .admin,
        query.isEmpty ? path : "\(path)?\(query.joined(separator: "&"))", limit: limit)
      var table = Table("at", "account", "amount", "after", "currency", "kind", "source")
      for entry in entries {
        table.add(
          entry.cell("at"), entry.cell("account"), entry.amount("amount_micros"),
          entry.amount("balance_after_micros"), entry.cell("currency"), entry.cell("kind"),
          entry.cell("source_id"))
      }
      api.show(["data": .array(entries), "next_cursor": .null], table.text)
    }
  }

  static func text(_ wallet: JSON) -> String {
    var table = Table("balance", "held", "available", "currency")
    table.add(
      wallet.amount("balance_micros"), wallet.amount("held_micros"),
      wallet.amount("available_micros"), wallet.cell("currency"))
    return table.text
  }
}
