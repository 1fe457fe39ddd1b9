import Wire

extension Template {
  /// What a send has to fill in: the names of the body's parameters in order, such as `1`, `2`.
  var bodyParameters: [String] { parameters(of: "BODY") }

  /// The names of a text header's parameters: none or one.
  var headerParameters: [String] { parameters(of: "HEADER") }

  private func parameters(of type: String) -> [String] {
    guard let root = try? JSONTape(components).root else { return [] }
    let component = root.elements.first { $0["type"]?.string?.uppercased() == type }
    return component?["text"]?.string.map { TemplateText($0).parameters } ?? []
  }
}
