import SimulatedDeployment

extension SimulationOptions {
  /// One tenant that is never long in one place, and everybody asks for it.
  static let restless: SimulationOptions = {
    var options = SimulationOptions()
    options.tenants = 1
    options.clients = 6
    options.moves = 400
    return options
  }()
}
