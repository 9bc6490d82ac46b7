"use strict";

// Shows the document in Swagger UI, with calls to this address whatever the document names.
// Nothing that is entered outlives the page: no authorisation is stored.
(async () => {
  const viewer = document.getElementById("viewer");
  const plugin = (system) => {
    const h = system.React.createElement;
    const layout = ({ getComponent }) => {
      const part = (name) => h(getComponent(name, true));
      return h("div", { className: "swagger-ui" },
        h(getComponent("SvgAssets")),
        h("main", { className: "wrapper" },
          h("div", { className: "calls" }, h("h2", null, "Calls"), part("AuthorizeBtnContainer")),
          part("errors"),
          part("operations")));
    };
    return { components: { Layout: layout } };
  };

  // Names for what Swagger UI leaves without one, and a way to scroll without a mouse.
  const described = (element) => {
    const call = element.closest(".opblock");
    const row = element.closest("tr[data-param-name]");
    if (row) return row.dataset.paramName;
    const what = element.matches("table") ? "Responses" : "Request body";
    const [method, path] = [".opblock-summary-method", ".opblock-summary-path"]
      .map((part) => call.querySelector(part).textContent);
    return `${what} of ${method} ${path}`;
  };
  const repairs = [
    [".parameters :is(input, select, textarea)", "aria-label", described],
    [".body-param textarea", "aria-label", described],
    ["table[role=region]", "aria-label", described],
    [".json-schema-2020-12-accordion:not(:has(.json-schema-2020-12__title))", "aria-label",
      () => "Schema"],
    [".auth-container h6", "aria-level", () => "5"],
    [".close-modal", "aria-label", () => "Close"],
    [".auth-container input", "autocomplete", () => "off"],
    ["pre", "tabindex", () => "0"],
  ];
  const repair = () => {
    for (const [selector, attribute, value] of repairs) {
      for (const element of viewer.querySelectorAll(selector)) {
        if (!element.hasAttribute(attribute)) element.setAttribute(attribute, value(element));
      }
    }
  };
  new MutationObserver(repair).observe(viewer, { childList: true, subtree: true });

  const answer = await fetch("openapi.json");
  const spec = await answer.json();
  spec.servers = [{ url: new URL(".", document.baseURI).href.replace(/\/$/, "") }];
  SwaggerUIBundle({
    spec,
    domNode: viewer,
    plugins: [plugin],
    layout: "Layout",
    deepLinking: false,
    tryItOutEnabled: true,
    persistAuthorization: false,
    validatorUrl: null,
    syntaxHighlight: false, // its colours are too faint to be read by everybody
    defaultModelsExpandDepth: -1,
  });
})();
