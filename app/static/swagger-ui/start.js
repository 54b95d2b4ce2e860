// The page's own policy allows no inline script, so that what it starts with stands on the element.
const place = document.getElementById("swagger-ui");
SwaggerUIBundle({
  url: place.dataset.url,
  domNode: place,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  // Nothing is kept: a token that outlived the page would lie in the browser's storage.
  persistAuthorization: false,
  // Nothing is asked of anybody else.
  validatorUrl: null,
});
