import { ManagementClient } from 'auth0-v5';

import { generated } from './generated.mjs';
import { management } from './management.mjs';

management('auth0 5', generated(ManagementClient));
