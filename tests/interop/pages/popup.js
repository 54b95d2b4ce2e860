new oidc.UserManager({}).signinPopupCallback()
