import ArgumentParser
import GraphSimulator

struct WalletCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wallet", abstract: "A tenant's money.",
    subcommands: [TopUp.self, Show.self])

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

  static func text(_ wallet: JSON) -> String {
    var table = Table("balance", "held", "available", "currency")
    table.add(
      wallet.amount("balance_micros"), wallet.amount("held_micros"),
      wallet.amount("available_micros"), wallet.cell("currency"))
    return table.text
  }
}
