import Wire

/// Meta's limits on the components of a template.
struct TemplateRules {
  let format: ParameterFormat
  let category: MessageCategory

  enum Limits {
    static let headerText = 60
    static let bodyText = 1024
    static let footerText = 60
    static let buttons = 10
    static let buttonText = 25
    static let urlButtons = 2
    static let url = 2000
    static let phoneButtons = 1
    static let phoneNumber = 20
    static let copyCodeButtons = 1
  }

  private static let types: Set<String> = [
    "HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER",
  ]
  private static let headerFormats: Set<String> = [
    "TEXT", "IMAGE", "VIDEO", "GIF", "DOCUMENT", "LOCATION",
  ]

  /// Throws `invalid_field` naming the component; answers what Meta would object to beyond limits.
  func check(_ components: JSONNode) throws(Failure) -> [String] {
    var seen: Set<String> = []
    var warnings: [String] = []
    for (index, component) in components.elements.enumerated() {
      let at = "components[\(index)]"
      guard let type = component["type"]?.string?.uppercased(), Self.types.contains(type) else {
        throw Failure(
          .invalidField, "\(at).type: one of \(Self.types.sorted().joined(separator: ", "))")
      }
      guard seen.insert(type).inserted else {
        throw Failure(.invalidField, "\(at): a second \(type)")
      }
      switch type {
      case "HEADER": try header(component, at)
      case "BODY": warnings += try body(component, at)
      case "FOOTER": try footer(component, at)
      case "BUTTONS": try buttons(component, at)
      default: continue
      }
    }
    guard seen.contains("BODY") else {
      throw Failure(.invalidField, "components: a template has a BODY")
    }
    return warnings
  }

  private func header(_ component: JSONNode, _ at: String) throws(Failure) {
    let kind = component["format"]?.string?.uppercased() ?? "TEXT"
    guard Self.headerFormats.contains(kind) else {
      throw Failure(
        .invalidField,
        "\(at).format: one of \(Self.headerFormats.sorted().joined(separator: ", "))")
    }
    guard kind == "TEXT" else { return }
    let text = try text(component, "\(at).text", limit: Limits.headerText)
    guard text.parameters.count <= 1 else {
      throw Failure(.invalidField, "\(at).text: at most one parameter")
    }
  }

  private func body(_ component: JSONNode, _ at: String) throws(Failure) -> [String] {
    // Meta writes the text of an authentication template itself.
    if category == .authentication, component["text"] == nil { return [] }
    let text = try text(component, "\(at).text", limit: Limits.bodyText)
    return text.touchesEdge
      ? ["\(at).text: Meta refuses a parameter at the start or the end (2388299)"] : []
  }

  private func footer(_ component: JSONNode, _ at: String) throws(Failure) {
    // Of an authentication template it is a number of minutes.
    if category == .authentication, component["text"] == nil { return }
    let text = try text(component, "\(at).text", limit: Limits.footerText)
    guard text.parameters.isEmpty else {
      throw Failure(.invalidField, "\(at).text: no parameters")
    }
  }

  private func buttons(_ component: JSONNode, _ at: String) throws(Failure) {
    guard let list = component["buttons"], list.kind == .array else {
      throw Failure(.invalidField, "\(at).buttons: an array")
    }
    var kinds: [String] = []
    for (index, button) in list.elements.enumerated() {
      let at = "\(at).buttons[\(index)]"
      guard let kind = button["type"]?.string?.uppercased() else {
        throw Failure(.invalidField, "\(at).type: a string")
      }
      kinds.append(kind)
      try self.button(button, kind, at)
    }
    guard kinds.count <= Limits.buttons else {
      throw Failure(.invalidField, "\(at).buttons: at most \(Limits.buttons)")
    }
    let limits = [
      ("URL", Limits.urlButtons), ("PHONE_NUMBER", Limits.phoneButtons),
      ("COPY_CODE", Limits.copyCodeButtons),
    ]
    for (kind, limit) in limits where kinds.filter({ $0 == kind }).count > limit {
      throw Failure(.invalidField, "\(at).buttons: at most \(limit) of type \(kind)")
    }
    let groups = kinds.indices.filter { index in
      kinds[index] == "QUICK_REPLY" && (index == 0 || kinds[index - 1] != "QUICK_REPLY")
    }
    guard groups.count <= 1 else {
      throw Failure(.invalidField, "\(at).buttons: quick replies stand next to each other")
    }
  }

  private func button(_ button: JSONNode, _ kind: String, _ at: String) throws(Failure) {
    if let text = button["text"]?.string, text.unicodeScalars.count > Limits.buttonText {
      throw Failure(.invalidField, "\(at).text: at most \(Limits.buttonText) characters")
    }
    switch kind {
    case "QUICK_REPLY":
      guard button["text"]?.string?.isEmpty == false else {
        throw Failure(.invalidField, "\(at).text: a string")
      }
    case "URL":
      guard let address = button["url"]?.string, (1...Limits.url).contains(address.utf8.count)
      else {
        throw Failure(.invalidField, "\(at).url: 1 to \(Limits.url) characters")
      }
      let parameters = TemplateText(address).parameters
      guard parameters.count <= 1, parameters.isEmpty || address.hasSuffix("}}") else {
        throw Failure(.invalidField, "\(at).url: at most one parameter, at its end")
      }
    case "PHONE_NUMBER":
      guard let number = button["phone_number"]?.string,
        (1...Limits.phoneNumber).contains(number.utf8.count)
      else {
        throw Failure(.invalidField, "\(at).phone_number: 1 to \(Limits.phoneNumber) characters")
      }
    default: return
    }
  }

  private func text(_ node: JSONNode, _ at: String, limit: Int) throws(Failure) -> TemplateText {
    guard let string = node["text"]?.string, !string.isEmpty else {
      throw Failure(.invalidField, "\(at): a string")
    }
    let text = TemplateText(string)
    guard text.length <= limit else {
      throw Failure(.invalidField, "\(at): at most \(limit) characters")
    }
    switch format {
    case .positional:
      guard text.isPositional else {
        throw Failure(.invalidField, "\(at): parameters are {{1}}, {{2}}, … in order")
      }
    case .named:
      guard text.isNamed else {
        throw Failure(.invalidField, "\(at): parameters are names, e.g. {{first_name}}")
      }
    }
    return text
  }
}
