import ArgumentParser
import GraphSimulator

struct PriceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "price", abstract: "What a tenant pays per message.",
    subcommands: [SetPrices.self, Show.self])

  struct SetPrices: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "set", abstract: "Set a tenant's prices.",
      discussion: "A rate is MARKET:CATEGORY:MICROS, e.g. US:marketing:25000 or *:utility:20000.")

    @Argument(help: "The tenant's id.") var tenant: String
    @Option(name: .long) var currency = "USD"
    @Option(name: .long, parsing: .upToNextOption, help: "MARKET:CATEGORY:MICROS …")
    var rates: [String]
    @Option(name: .long, help: "RFC 3339; from when the rates count.")
    var validFrom = "2026-01-01T00:00:00Z"
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      var entries: [JSON] = []
      for rate in rates {
        let parts = rate.split(separator: ":")
        guard parts.count == 3, let micros = Int64(parts[2]) else {
          throw CommandFailure(
            .usage, code: "invalid_rate", detail: "\(rate) is not MARKET:CATEGORY:MICROS")
        }
        entries.append([
          "market": JSON(String(parts[0])), "category": JSON(String(parts[1])),
          "valid_from": JSON(validFrom), "amount_micros": .integer(micros),
        ])
      }
      let api = try connection.connection()
      let prices = try await api.send(
        .admin, "PUT", "/v1/tenants/\(tenant)/prices",
        ["currency": JSON(currency), "rates": .array(entries)])
      api.show(prices, PriceCommand.text(prices))
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a tenant's prices.")

    @Argument(help: "The tenant's id.") var tenant: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let prices = try await api.send(.admin, "GET", "/v1/tenants/\(tenant)/prices")
      api.show(prices, PriceCommand.text(prices))
    }
  }

  static func text(_ prices: JSON) -> String {
    var table = Table("market", "category", "valid from", "amount")
    for rate in prices["rates"]?.array ?? [] {
      table.add(
        rate.cell("market"), rate.cell("category"), rate.cell("valid_from"),
        rate.amount("amount_micros"))
    }
    return "version \(prices.cell("version")), \(prices.cell("currency"))\n\(table.text)"
  }
}
